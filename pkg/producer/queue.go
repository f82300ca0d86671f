package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// queue holds the records for one partition. It has a goroutine while it holds
// any.
type queue struct {
	producer *Producer
	target   target

	mu      sync.Mutex
	pending []*entry
	running bool

	// isDelayed is that it has been said. Only the goroutine uses it.
	isDelayed bool
}

func (q *queue) add(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = append(q.pending, e)
	if !q.running {
		q.running = true
		q.producer.sending.Go(q.run)
	}
}

// run sends batch after batch until the queue is empty.
func (q *queue) run() {
	if linger := q.producer.cfg.Linger; linger > 0 {
		timer := time.NewTimer(linger)
		<-timer.C
	}
	for {
		batch := q.next()
		if len(batch) == 0 {
			return
		}
		q.deliver(batch)
	}
}

// next takes the entries of one request. Finding none, it ends the goroutine.
func (q *queue) next() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes, n := 0, 0
	for n < len(q.pending) && n < q.producer.cfg.BatchRecords {
		bytes += q.pending[n].record.size() + recordOverhead
		if n > 0 && bytes > q.producer.cfg.BatchBytes {
			break
		}
		n++
	}
	batch := slices.Clone(q.pending[:n])
	q.pending = slices.Delete(q.pending, 0, n)
	q.running = n > 0
	return batch
}

// deliver sends a batch until every entry is settled or abandoned.
func (q *queue) deliver(batch []*entry) {
	for attempt := 0; ; attempt++ {
		batch = slices.DeleteFunc(batch, (*entry).abandoned)
		if len(batch) == 0 {
			return
		}
		err := q.send(batch)
		var refused *refusedError
		switch {
		case err == nil:
			q.settle(batch, nil)
			q.resumed()
			return
		case errors.As(err, &refused):
			batch = q.without(refused, batch)
			continue // at once: the batch has become smaller
		case concernsRecords(err) && len(batch) > 1:
			half := len(batch) / 2
			q.deliver(batch[:half:half])
			q.deliver(batch[half:])
			return
		case tooLarge(err):
			q.settle(batch, fmt.Errorf("%w for the topic: %d bytes: %w", ErrTooLarge, batch[0].record.size(), err))
			return
		case !retriable(err):
			q.settle(batch, err)
			return
		}
		for _, e := range batch {
			e.note(err)
		}
		q.delayed(err)
		pause(anyOf(batch), attempt)
	}
}

// without settles the records that the broker refuses, and returns the others,
// which it has not written either.
func (q *queue) without(refused *refusedError, batch []*entry) []*entry {
	left := make([]*entry, 0, len(batch))
	for i, e := range batch {
		if reason, isRefused := refused.reasons[i]; isRefused {
			e.settle(fmt.Errorf("%w: %w", refused.err, reason))
			continue
		}
		left = append(left, e)
	}
	return left
}

// delayed tells of a request that has to be repeated; the log, once until one
// succeeds.
func (q *queue) delayed(err error) {
	q.producer.metrics.retried(q.target.topic)
	if !q.isDelayed {
		q.isDelayed = true
		q.producer.log.Warn("publishing is delayed", "topic", q.target.topic, "partition", q.target.partition, "error", err)
	}
}

func (q *queue) resumed() {
	if q.isDelayed {
		q.isDelayed = false
		q.producer.log.Info("publishing goes on", "topic", q.target.topic, "partition", q.target.partition)
	}
}

func (q *queue) settle(batch []*entry, err error) {
	for _, e := range batch {
		e.settle(err)
	}
}

// anyOf returns the context of the entry that will wait longest, as far as
// deadlines tell: a pause may as well last as long as that.
func anyOf(batch []*entry) context.Context {
	longest := batch[0].call.ctx
	for _, e := range batch[1:] {
		last, bounded := longest.Deadline()
		if !bounded {
			break
		}
		if deadline, ok := e.call.ctx.Deadline(); !ok || deadline.After(last) {
			longest = e.call.ctx
		}
	}
	return longest
}

// send makes one request.
func (q *queue) send(batch []*entry) error {
	records := make([]kafka.Record, len(batch))
	for i, e := range batch {
		records[i] = kafka.Record{
			Time:    e.record.Time,
			Key:     kafka.NewBytes(e.record.Key),
			Value:   kafka.NewBytes(e.record.Value),
			Headers: headers(e.record.Headers),
		}
	}
	// The request belongs to several publishers and ends with none of them.
	ctx, cancel := context.WithTimeout(context.Background(), q.producer.cfg.RequestTimeout)
	defer cancel()
	response, err := q.producer.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        q.target.topic,
		Partition:    q.target.partition,
		RequiredAcks: kafka.RequireAll,
		Compression:  kafka.Lz4,
		Records:      kafka.NewRecordReader(records...),
	})
	if err != nil {
		return fmt.Errorf("producing: %w", err)
	}
	if response.Error == nil {
		return nil
	}
	err = fmt.Errorf("producing: %w", response.Error)
	if !retriable(err) && len(response.RecordErrors) > 0 && areIndexes(response.RecordErrors, len(batch)) {
		return &refusedError{err: err, reasons: response.RecordErrors}
	}
	return err
}

// refusedError is that a broker has written none of a batch because of some of
// its records, by their place in it.
type refusedError struct {
	err     error
	reasons map[int]error
}

func (e *refusedError) Error() string { return e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// areIndexes says whether all reasons are about one of so many records.
func areIndexes(reasons map[int]error, records int) bool {
	for i := range reasons {
		if i < 0 || i >= records {
			return false
		}
	}
	return true
}

func headers(in []Header) []kafka.Header {
	if len(in) == 0 {
		return nil
	}
	out := make([]kafka.Header, len(in))
	for i, h := range in {
		out[i] = kafka.Header{Key: h.Key, Value: h.Value}
	}
	return out
}

// concernsRecords says whether an error is about single records of a batch: brokers
// before Kafka 2.4 do not say which.
func concernsRecords(err error) bool {
	return tooLarge(err) || errors.Is(err, kafka.InvalidRecord) || errors.Is(err, kafka.InvalidTimestamp)
}

func tooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}
