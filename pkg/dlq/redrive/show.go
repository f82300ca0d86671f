package redrive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/nova-data/nova/pkg/dlq"
)

// place is where a record lies.
type place struct {
	topic     string
	partition int
	offset    int64
}

func parsePlace(text string) (place, error) {
	parts := strings.Split(text, "/")
	if len(parts) == 3 && parts[0] != "" {
		partition, err1 := strconv.ParseUint(parts[1], 10, 31)
		offset, err2 := strconv.ParseUint(parts[2], 10, 63)
		if err1 == nil && err2 == nil {
			return place{topic: parts[0], partition: int(partition), offset: int64(offset)}, nil
		}
	}
	return place{}, fmt.Errorf("%q is no place of a letter or record: want topic/partition/offset", text)
}

// showing prints one letter.
type showing struct {
	place         place
	asJSON, isRaw bool
}

func (w showing) run(ctx context.Context, s *session) error {
	e, err := w.find(ctx, s)
	if err != nil {
		return err
	}
	switch {
	case w.isRaw:
		value, err := e.letter.Original()
		if err == nil {
			_, err = s.to.stdout.Write(value)
		}
		return err
	case w.asJSON:
		encoded, err := e.letter.Encode()
		if err == nil {
			_, err = fmt.Fprintf(s.to.stdout, "%s\n", encoded)
		}
		return err
	}
	return write(s, e)
}

// find returns the letter at a place, or the first one of the record at it.
func (w showing) find(ctx context.Context, s *session) (*entry, error) {
	var found *entry
	spans, err := s.archive.spans(ctx)
	if err != nil {
		return nil, err
	}
	isLetter := w.place.topic == s.archive.topic
	for _, span := range spans {
		if isLetter {
			if span.Partition != w.place.partition {
				continue
			}
			span.From, span.To = max(span.From, w.place.offset), min(span.To, w.place.offset+1)
		}
		err := s.archive.read(ctx, span, func(e entry) error {
			l := &e.letter
			if isLetter || e.err == nil && (place{l.Topic, l.Partition, l.Offset}) == w.place {
				found = &e
				return errLimit
			}
			return nil
		})
		if err != nil && !errors.Is(err, errLimit) {
			return nil, err
		}
		if found != nil {
			break
		}
	}
	switch {
	case found == nil && isLetter:
		return nil, fmt.Errorf("there is no letter at %s/%d/%d", w.place.topic, w.place.partition, w.place.offset)
	case found == nil:
		return nil, fmt.Errorf("%s has no letter of the record %s/%d/%d", s.archive.topic, w.place.topic, w.place.partition, w.place.offset)
	case found.err != nil:
		return nil, fmt.Errorf("%s is no letter: %w", s.archive.position(found), found.err)
	}
	return found, nil
}

// maxError is longer than errors are.
const maxError = 10_000

// write prints a letter for people.
func write(s *session, e *entry) error {
	letter := &e.letter
	table := tabwriter.NewWriter(s.to.stdout, 0, 0, 2, ' ', 0)
	for _, field := range [][2]string{
		{"letter", s.archive.position(e)},
		{"record", letter.Origin()},
		{"failed at", letter.FailedAt.Format(time.RFC3339Nano)},
		{"error class", letter.ErrorClass},
		{"error", line(letter.Error, maxError)},
		{"tries", strconv.Itoa(letter.RetryCount)},
		{"schema", letter.Schema},
		{"key", printable(letter.Key)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", field[0], field[1])
	}
	for _, h := range letter.Headers {
		fmt.Fprintf(table, "header %s\t%s\n", h.Key, printable(h.Value))
	}
	fmt.Fprintf(table, "value (%s)\t\n", letter.Encoding)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing a letter: %w", err)
	}
	text := bytes.NewBuffer(nil)
	if err := json.Indent(text, letter.OriginalEvent, "", "  "); err != nil {
		return fmt.Errorf("printing a letter: %w", err)
	}
	_, err := fmt.Fprintf(s.to.stdout, "%s\n", text)
	return err
}

// printable is a key or a header's value for people.
func printable(t *dlq.Text) string {
	switch b := t.Bytes(); {
	case b == nil:
		return "(null)"
	case utf8.Valid(b):
		return strconv.Quote(string(b))
	default:
		return fmt.Sprintf("0x%x", b)
	}
}
