package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/segmentio/kafka-go"
)

// source reads one partition into its lane.
type source struct {
	fetcher  fetcher
	progress *progress
	budget   *budget
	// gate is closed while the lane is held up: what is fetched then only waits.
	gate *gate
	out  chan<- chunk
	ends func(ctx context.Context) (first, last int64, err error)
	// dropDead is told of failed fetches; nil if nobody is.
	dropDead func(err error)
	onLoss   OnDataLoss
	// isPlanned says that records are stored under the name of their batch.
	isPlanned bool
	log       *slog.Logger
	metrics   *metrics
	trouble   *trouble

	// lostAt is the position whose loss has been counted.
	lostAt int64
}

// errDataLoss says that the log does not hold the offset to be read.
var errDataLoss = errors.New("the log does not hold the next offset")

// run reads from a position until ctx ends.
func (s *source) run(ctx context.Context, from position) {
	defer s.trouble.forget()
	s.lostAt = -1
	at := from.offset
	for s.gate.await(ctx) && s.budget.await(ctx, s.progress) {
		c, end, err := protectedFetch(ctx, s.fetcher, at)
		if err != nil {
			next, ok := s.retry(ctx, at, err)
			if !ok {
				return
			}
			at = next
			continue
		}
		s.trouble.over()
		s.progress.read(c, end)
		if c.aborted > 0 {
			s.metrics.aborted.Add(ctx, int64(c.aborted), s.metrics.of(s.progress.topic, ""))
		}
		c.from = at
		if c.next > at && !s.send(ctx, c) {
			return
		}
		at = c.next
	}
}

func (s *source) send(ctx context.Context, c chunk) bool {
	s.budget.take(s.progress, c.memory())
	select {
	case s.out <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// protectedFetch turns a panic over unreadable data into an error.
func protectedFetch(ctx context.Context, from fetcher, at int64) (c chunk, end int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while fetching: %v\n%s", p, debug.Stack())
		}
	}()
	return from.fetch(ctx, at)
}

// retry waits for a failure to pass and returns where to go on.
func (s *source) retry(ctx context.Context, at int64, err error) (int64, bool) {
	if ctx.Err() != nil {
		return at, false
	}
	if !errors.Is(err, kafka.OffsetOutOfRange) {
		if s.dropDead != nil {
			s.dropDead(err)
		}
		return at, s.trouble.wait(ctx, "fetch", err)
	}
	first, last, err := s.ends(ctx)
	if err != nil {
		return at, s.trouble.wait(ctx, "fetch", err)
	}
	if first <= at && at <= last {
		return at, s.trouble.wait(ctx, "fetch", kafka.OffsetOutOfRange)
	}
	s.countLoss(ctx, at, first, last)
	if at > last && s.isPlanned {
		// Whatever is at the log's start now, read from there it would be stored under
		// other names than before.
		return at, s.trouble.wait(ctx, "data_loss", fmt.Errorf(
			"%w: %d is behind its end at %d; reset the group's offset of %s:%d, --to-latest if the log was cut short, --to-earliest if the topic was made anew",
			errDataLoss, at, last, s.progress.topic, s.progress.partition))
	}
	if s.onLoss == Skip {
		return first, true
	}
	return at, s.trouble.wait(ctx, "data_loss", fmt.Errorf(
		"%w: %d is outside of %d to %d; set ON_DATA_LOSS=skip to go on at %d", errDataLoss, at, first, last, first))
}

// countLoss counts and logs a loss once.
func (s *source) countLoss(ctx context.Context, at, first, last int64) {
	if s.lostAt == at {
		return
	}
	s.lostAt = at
	lost := max(first-at, at-last)
	s.metrics.lost.Add(ctx, lost, s.metrics.of(s.progress.topic, ""))
	s.log.Error("log does not hold the next offset", "topic", s.progress.topic, "partition", s.progress.partition,
		"next", at, "log_start", first, "log_end", last, "lost", lost, "on_data_loss", s.onLoss)
}
