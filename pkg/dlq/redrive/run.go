package redrive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	// chunkLetters and chunkBytes bound the letters that are examined and published
	// together.
	chunkLetters = 500
	chunkBytes   = 8 << 20
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

	state   *state
	bar     *bar
	started time.Time
	report  report
	// seen are dead records that came by: some have more than one letter.
	seen map[string]bool

	chunk      []dlq.Letter
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
	if err := r.state.cut(spans, r.to); err != nil {
		return err
	}
	r.started = time.Now()
	r.bar = newBar(r.to.stderr, spans)
	defer r.bar.end()
	for _, span := range spans {
		if err := r.redrive(ctx, span); errors.Is(err, errLimit) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// redrive goes over one partition. It returns errLimit when enough are redriven.
func (r *run) redrive(ctx context.Context, span consumer.Span) error {
	err := r.archive.read(ctx, span, func(e entry) error {
		r.choose(&e)
		r.unsaved++
		if len(r.chunk) < r.chunkSize() && r.chunkBytes < chunkBytes && r.unsaved < chunkLetters*10 {
			return nil
		}
		return r.flush(ctx, span.Partition, e.offset+1)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx, span.Partition, span.To)
}

// chunkSize is small when little is redriven, so that the rate is an even one and a
// limit is met.
func (r *run) chunkSize() int {
	size := chunkLetters
	if r.rate > 0 {
		size = min(size, max(1, r.rate/10))
	}
	if r.limit > 0 {
		size = min(size, r.limit-r.report.Redriven)
	}
	return size
}

// choose puts a letter into the chunk if it is meant and may be redriven here.
func (r *run) choose(e *entry) {
	r.report.Letters++
	if e.err != nil {
		r.report.refuse("no_letter", r.archive.position(e)+": "+e.err.Error())
		return
	}
	if !r.filter.matches(&e.letter) {
		return
	}
	r.report.Matched++
	origin := e.letter.Origin()
	switch {
	case r.seen[origin]:
		r.report.Repeated++
		return
	case !r.service.reads(e.letter.Topic):
		r.report.refuse("foreign_topic", r.archive.position(e)+": the record "+origin+" is none of this service's")
		return
	}
	if len(r.seen) == maxSeen {
		clear(r.seen)
	}
	r.seen[origin] = true
	r.chunk = append(r.chunk, e.letter)
	r.chunkBytes += len(e.letter.OriginalEvent)
}

// flush redrives the chunk at hand, and takes note that the partition is done with
// up to next.
func (r *run) flush(ctx context.Context, partition int, next int64) error {
	records, err := r.examine(ctx, r.chunk)
	if err != nil {
		return err
	}
	published, err := r.publish(ctx, records)
	if err != nil {
		return err
	}
	r.chunk, r.chunkBytes, r.unsaved = r.chunk[:0], 0, 0
	r.report.Redriven += published
	if err := r.state.save(partition, next); err != nil {
		return err
	}
	r.bar.add(partition, next, r.report.Redriven)
	if r.limit > 0 && r.report.Redriven >= r.limit {
		return errLimit
	}
	return r.pace(ctx)
}

// examine returns the records of those letters that are to be published.
func (r *run) examine(ctx context.Context, letters []dlq.Letter) ([]producer.Record, error) {
	if len(letters) == 0 {
		return nil, nil
	}
	if err := r.awaitPassed(ctx, letters); err != nil {
		return nil, err
	}
	dead := make([]dlq.Record, 0, len(letters))
	for _, l := range letters {
		record, err := l.Record()
		if err != nil {
			return nil, err // Decode has read it
		}
		dead = append(dead, record)
	}
	verdicts, err := r.examiner.Examine(ctx, dead)
	if err != nil {
		return nil, fmt.Errorf("examining %d records: %w", len(dead), err)
	}
	var records []producer.Record
	for i, verdict := range verdicts {
		switch {
		case verdict.IsStored:
			r.report.Stored++
		case verdict.Refused != nil:
			r.report.refuse(letters[i].ErrorClass, letters[i].Origin()+": "+verdict.Refused.Error())
		default:
			records = append(records, resurrected(letters[i], dead[i]))
		}
	}
	return records, nil
}

// resurrected is a dead record as it comes again: as it was, and with the
// coordinates from which it takes claims over.
func resurrected(l dlq.Letter, dead dlq.Record) producer.Record {
	record := producer.Record{Topic: dead.Topic, Key: dead.Key, Value: dead.Value, Time: time.Now()}
	origin := l.Origin()
	for _, h := range dead.Headers {
		if h.Key == dlq.HeaderOrigin {
			origin = string(h.Value) + "," + origin
			continue
		}
		record.Headers = append(record.Headers, producer.Header{Key: h.Key, Value: h.Value})
	}
	record.Headers = append(record.Headers, producer.Header{Key: dlq.HeaderOrigin, Value: []byte(origin)})
	return record
}

// publish returns how many records are published: all but those that have become
// too large for their topic by the header.
func (r *run) publish(ctx context.Context, records []producer.Record) (int, error) {
	if len(records) == 0 || r.isDryRun {
		return len(records), nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	err := r.publisher.Publish(ctx, records...)
	if err == nil {
		return len(records), nil
	}
	var partial *producer.PublishError
	if !errors.As(err, &partial) {
		return 0, fmt.Errorf("publishing %d records: %w", len(records), err)
	}
	for _, f := range partial.Failures {
		if !errors.Is(f.Err, producer.ErrTooLarge) {
			return 0, fmt.Errorf("publishing %d records, of which a part may be published: %w", len(records), err)
		}
	}
	for _, f := range partial.Failures {
		headers := records[f.Index].Headers
		r.report.refuse("too_large", fmt.Sprintf("%s: %v", headers[len(headers)-1].Value, f.Err))
	}
	return len(records) - len(partial.Failures), nil
}

// pace waits until what is redriven is no more than the rate allows.
func (r *run) pace(ctx context.Context) error {
	if r.rate == 0 || r.isDryRun {
		return ctx.Err()
	}
	due := r.started.Add(time.Duration(float64(r.report.Redriven) / float64(r.rate) * float64(time.Second)))
	select {
	case <-time.After(time.Until(due)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
