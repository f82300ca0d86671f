package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/producer"
)

// writeTimeout bounds one Write: a publisher waits as long as it may, without a
// word to its caller, for a topic that does not exist or a broker that is away.
const writeTimeout = 30 * time.Second

// Publisher publishes records; a producer.Producer is one.
type Publisher interface {
	// Publish returns nil when all records are acknowledged.
	Publish(ctx context.Context, records ...producer.Record) error
}

// Writer writes letters to one topic.
type Writer struct {
	topic     string
	publisher Publisher
}

// NewWriter returns a writer of letters to topic.
func NewWriter(topic string, publisher Publisher) *Writer {
	return &Writer{topic: topic, publisher: publisher}
}

// Write returns nil when every letter is acknowledged, and an error when that
// takes longer than 30 s. After an error some may have been written: writing all
// of them again is harmless.
//
// A letter carries the record's headers, so that tools that read headers find
// them. One too large for the topic is written without, and with the first bytes
// of its error; it fails with producer.ErrTooLarge if that does not help.
func (w *Writer) Write(ctx context.Context, letters []Letter) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	records := make([]producer.Record, 0, len(letters))
	for _, letter := range letters {
		record, err := w.record(letter)
		if err != nil {
			return err
		}
		records = append(records, record)
	}
	err := w.publisher.Publish(ctx, records...)
	if err == nil {
		return nil
	}
	smaller, err := w.shrink(letters, err)
	if err != nil {
		return fmt.Errorf("writing letters to %s: %w", w.topic, err)
	}
	if err := w.publisher.Publish(ctx, smaller...); err != nil {
		return fmt.Errorf("writing letters to %s: %w", w.topic, err)
	}
	return nil
}

// shrink returns the records to publish after a Publish failed for nothing but
// size: all of them again, the large ones cut down.
func (w *Writer) shrink(letters []Letter, failed error) ([]producer.Record, error) {
	var partial *producer.PublishError
	if !errors.As(failed, &partial) {
		return nil, failed
	}
	large := map[int]bool{}
	for _, f := range partial.Failures {
		if !errors.Is(f.Err, producer.ErrTooLarge) {
			return nil, failed
		}
		large[f.Index] = true
	}
	records := make([]producer.Record, 0, len(letters))
	for i, letter := range letters {
		if large[i] {
			letter = letter.essential()
		}
		record, err := w.record(letter)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// essential returns l without what is only there to explain it. Of the headers those
// stay without which the record could not be read or redriven.
func (l Letter) essential() Letter {
	const shown = 500
	all := l.Headers
	l.Headers = []Header{}
	for _, h := range all {
		if slices.Contains([]string{HeaderOrigin, "content-type", "nova-schema"}, h.Key) && len(h.Value.Bytes()) <= shown {
			l.Headers = append(l.Headers, h)
		}
	}
	if len(l.Error) > shown {
		l.Error = strings.ToValidUTF8(l.Error[:shown], "") + "…"
	}
	return l
}

func (w *Writer) record(letter Letter) (producer.Record, error) {
	value, err := letter.Encode()
	if err != nil {
		return producer.Record{}, err
	}
	record := producer.Record{Topic: w.topic, Key: []byte(letter.Origin()), Value: value, Time: letter.FailedAt}
	for _, h := range letter.Headers {
		record.Headers = append(record.Headers, producer.Header{Key: h.Key, Value: h.Value.Bytes()})
	}
	return record, nil
}
