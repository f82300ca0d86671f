package redrive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	// chunkLetters and chunkBytes bound the letters that are examined together.
	chunkLetters = 500
	chunkBytes   = 8 << 20
	// barLetters is how many letters are read at most before progress is shown.
	barLetters = 5000
	// publishTimeout bounds one chunk's way to Kafka, which waits without a word for
	// a topic that does not exist.
	publishTimeout = time.Minute
	// maxSeen dead records are remembered; one that is forgotten is redriven twice,
	// which its claim makes harmless.
	maxSeen = 1_000_000
)

// options are the flags of "redrive".
type options struct {
	filter      filter
	rate, limit int
	state       string
	wait        time.Duration
	isDryRun    bool
	asJSON      bool
}

// publisher puts records on Kafka; a producer.Producer is one.
type publisher interface {
	Publish(ctx context.Context, records ...producer.Record) error
}

// errRefused is the outcome of a redrive that left something to be repaired.
var errRefused = errors.New("not every record can be stored: they are where they were")

// redrive is the action: it opens what a run needs and prints what became of it.
func redrive(ctx context.Context, s *session, o options) error {
	examiner, done, err := s.service.Open()
	if err != nil {
		return err
	}
	defer done()
	publisher, err := producer.New(publishing(), producer.Deps{
		Broker: s.archive.cluster, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{},
	})
	if err != nil {
		return err
	}
	defer func() { _ = publisher.Close() }()
	r := &run{session: s, options: o, examiner: examiner, publisher: publisher, seen: map[string]bool{}}
	err = r.run(ctx)
	if err != nil && r.report.Letters == 0 {
		return err
	}
	write := r.report.writeText
	if o.asJSON {
		write = r.report.writeJSON
	}
	if err := write(s.to.stdout); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	if err == nil && r.report.refused() > 0 {
		return errRefused
	}
	return err
}

// publishing leaves it to the topic how large a record may be: this one was on it.
func publishing() producer.Config {
	return producer.Config{
		MaxRecordBytes: 64 << 20, BatchBytes: 900_000, BatchRecords: 10_000, Linger: time.Millisecond, RequestTimeout: 10 * time.Second,
	}
}

// run is one redrive.
type run struct {
	*session
	options

	examiner  Examiner
	publisher publisher

	state  *state
	bar    *bar
	report report
	// due is when the rate allows the next record.
	due time.Time
	// superseded are dead records whose redriven copies died too.
	superseded map[string]bool
	// seen are dead records that came by: some have more than one letter.
	seen map[string]bool

	chunk      []entry
	chunkBytes int
	// unsaved counts the letters read since the state was saved.
	unsaved int
}

func (r *run) run(ctx context.Context) error {
	spans, err := r.archive.spans(ctx)
	if err != nil {
		return err
	}
	r.report.DryRun = r.isDryRun
	if r.state, err = openState(r.options, r.archive.topic); err != nil {
		return err
	}
	if r.superseded, err = r.findSuperseded(ctx, spans); err != nil {
		return err
	}
	again := r.state.again(spans)
	if err := r.state.cut(spans, r.to); err != nil {
		return err
	}
	r.bar = newBar(r.to.stderr, spans)
	defer r.bar.end()
	for _, span := range append(again, spans...) {
		if err := r.redrive(ctx, span); errors.Is(err, errLimit) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// findSuperseded returns the dead records that newer letters name as their origin:
// only the newest copy of a record comes again, or its letters would multiply while
// what is wrong lasts.
func (r *run) findSuperseded(ctx context.Context, spans []consumer.Span) (map[string]bool, error) {
	r.bar = newBar(r.to.stderr, spans)
	defer r.bar.end()
	superseded := map[string]bool{}
	for _, span := range spans {
		read := 0
		err := consumer.Scan(ctx, r.archive.cluster, span, func(letter *consumer.Record) error {
			// A letter carries the headers of its record, so it need not be decoded.
			if origins := letter.Header(dlq.HeaderOrigin); origins != nil {
				for _, origin := range strings.Split(string(origins), ",") {
					superseded[origin] = true
				}
			}
			if read++; read%barLetters == 0 {
				r.bar.add(span.Partition, letter.Offset+1, "looked at")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return superseded, nil
}

// redrive goes over letters of one partition. It returns errLimit when enough are
// redriven.
func (r *run) redrive(ctx context.Context, span consumer.Span) error {
	err := r.archive.read(ctx, span, func(e entry) error {
		r.choose(e)
		r.unsaved++
		if len(r.chunk) < chunkLetters && r.chunkBytes < chunkBytes && r.unsaved < barLetters {
			return nil
		}
		return r.flush(ctx, span.Partition, e.offset+1)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx, span.Partition, span.To)
}

// choose puts a letter into the chunk if it is meant and may be redriven here.
func (r *run) choose(e entry) {
	r.report.Letters++
	if e.err != nil {
		r.report.refuse("no_letter", r.archive.position(&e)+": "+e.err.Error())
		return
	}
	if !r.filter.matches(&e.letter) {
		return
	}
	r.report.Matched++
	origin := e.letter.Origin()
	switch {
	case r.seen[origin], r.superseded[origin]:
		r.report.Repeated++
		return
	case !r.service.reads(e.letter.Topic):
		r.report.refuse("foreign_topic", r.archive.position(&e)+": the record "+origin+" is none of this service's")
		return
	}
	if len(r.seen) == maxSeen {
		clear(r.seen)
	}
	r.seen[origin] = true
	r.chunk = append(r.chunk, e)
	r.chunkBytes += len(e.letter.OriginalEvent)
}
