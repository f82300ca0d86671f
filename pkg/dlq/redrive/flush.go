package redrive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/producer"
)

// flush redrives the chunk at hand, and takes note that the partition is done with
// up to next.
func (r *run) flush(ctx context.Context, partition int, next int64) error {
	chunk := r.chunk
	records, verdicts, err := r.examine(ctx, chunk)
	if err != nil {
		return err
	}
	r.chunk, r.chunkBytes, r.unsaved = nil, 0, 0
	var due []producer.Record
	for i := range chunk {
		if err := r.count(&chunk[i], verdicts[i]); err != nil {
			return err
		}
		if verdicts[i] != (Verdict{}) {
			continue
		}
		if due = append(due, records[i]); len(due) < r.portion() {
			continue
		}
		if err := r.publish(ctx, due, partition, chunk[i].offset+1); err != nil {
			return err
		}
		due = nil
	}
	return r.publish(ctx, due, partition, next)
}

// portion is how many records are published at a time: few when little is redriven,
// so that the rate is an even one and a limit is met.
func (r *run) portion() int {
	size := chunkLetters
	if r.rate > 0 {
		size = min(size, max(1, r.rate/10))
	}
	if r.limit > 0 {
		size = min(size, r.limit-r.report.Redriven)
	}
	return size
}

// count takes note of what becomes of a letter.
func (r *run) count(e *entry, verdict Verdict) error {
	switch {
	case verdict.IsStored:
		r.report.Stored++
	case verdict.Refused != nil:
		r.report.refuse(e.letter.ErrorClass, e.letter.Origin()+": "+verdict.Refused.Error())
	}
	return r.state.note(e, verdict.Refused != nil)
}

// examine returns for each letter of a chunk the record to publish, and the verdict
// on it.
func (r *run) examine(ctx context.Context, chunk []entry) ([]producer.Record, []Verdict, error) {
	if len(chunk) == 0 {
		return nil, nil, nil
	}
	if err := r.awaitPassed(ctx, chunk); err != nil {
		return nil, nil, err
	}
	dead, records := make([]dlq.Record, 0, len(chunk)), make([]producer.Record, 0, len(chunk))
	for i := range chunk {
		record, err := chunk[i].letter.Record()
		if err != nil {
			return nil, nil, err // Decode has read it
		}
		dead = append(dead, record)
		records = append(records, resurrected(chunk[i].letter, record))
	}
	verdicts, err := r.examiner.Examine(ctx, dead)
	if err != nil {
		return nil, nil, fmt.Errorf("examining %d records: %w", len(dead), err)
	}
	return records, verdicts, nil
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

// publish publishes records, and takes note that the partition is done with up to
// next. It returns errLimit when enough are redriven.
func (r *run) publish(ctx context.Context, records []producer.Record, partition int, next int64) error {
	published, err := r.send(ctx, records)
	if err != nil {
		return err
	}
	r.report.Redriven += published
	if err := r.state.save(partition, next); err != nil {
		return err
	}
	r.bar.add(partition, next, fmt.Sprintf("%d redriven", r.report.Redriven))
	if r.limit > 0 && r.report.Redriven >= r.limit {
		return errLimit
	}
	return r.pace(ctx, published)
}

// send returns how many records are published: all but those that have become too
// large for their topic by the header.
func (r *run) send(ctx context.Context, records []producer.Record) (int, error) {
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

// pace waits until the rate allows the next record. Time in which nothing was
// published is not made up for.
func (r *run) pace(ctx context.Context, published int) error {
	if r.rate == 0 || r.isDryRun || published == 0 {
		return ctx.Err()
	}
	if now := time.Now(); r.due.Before(now) {
		r.due = now
	}
	r.due = r.due.Add(time.Duration(published) * time.Second / time.Duration(r.rate))
	select {
	case <-time.After(time.Until(r.due)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
