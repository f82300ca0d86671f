package sink

import (
	"context"
	"fmt"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
)

// A write of letters is bounded, so that one that is too slow has not to be begun
// anew as a whole.
const (
	mostLetters     = 500
	mostLetterBytes = 4 << 20
)

// Bury implements consumer.Load. It fails with dlq.ErrTripped when the guard has
// tripped and this batch has written no letter yet.
func (l *load) Bury(ctx context.Context) error {
	if l.Rejects() == 0 {
		return nil
	}
	if l.buried == 0 {
		if err := l.sink.deps.Guard.Check(); err != nil {
			l.sink.metrics.failed(ctx, l.topic.name, "guard")
			return err
		}
	}
	first := l.buried
	for l.Rejects() > 0 {
		if err := l.buryNext(ctx); err != nil {
			l.sink.metrics.failed(ctx, l.topic.name, "letters")
			return err
		}
	}
	l.sink.deps.Failpoints.Hit(failpoint.AfterLetter)
	l.count()
	example := l.refused[first]
	l.sink.deps.Log.WarnContext(ctx, "records became dead letters", "topic", l.topic.name, "count", len(l.refused)-first,
		"reasons", reasons(l.refused[first:]), "first", l.letter(example).Origin(), "error", example.Err)
	return nil
}

// buryNext writes as many letters as go together.
func (l *load) buryNext(ctx context.Context) error {
	letters := make([]dlq.Letter, 0, min(l.Rejects(), mostLetters))
	bytes := 0
	for _, r := range l.refused[l.buried:] {
		if len(letters) == mostLetters || bytes >= mostLetterBytes {
			break
		}
		letters = append(letters, l.letter(r))
		bytes += len(l.records[r.place].Value)
	}
	if err := l.sink.deps.Letters.Write(ctx, letters); err != nil {
		return fmt.Errorf("burying %d records of %s: %w", l.Rejects(), l.topic.name, err)
	}
	l.sink.metrics.buried(ctx, l.topic.name, l.refused[l.buried:l.buried+len(letters)])
	l.buried += len(letters)
	return nil
}

func (l *load) letter(r refusedRecord) dlq.Letter {
	record := &l.records[r.place]
	headers := make([]dlq.RecordHeader, 0, len(record.Headers))
	for _, h := range record.Headers {
		headers = append(headers, dlq.RecordHeader(h))
	}
	return dlq.NewLetter(dlq.Record{
		Topic: record.Topic, Partition: record.Partition, Offset: record.Offset,
		Key: record.Key, Value: record.Value, Headers: headers,
	}, dlq.Failure{Err: r.Err, Class: r.Class, At: r.at, Retries: tries, Schema: r.Schema})
}
