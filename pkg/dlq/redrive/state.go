package redrive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/nova-data/nova/pkg/consumer"
)

// state is how far a redrive got, in a file. Without a file it remembers nothing.
type state struct {
	path string
	kept stateFile
}

// stateFile is the file's content.
type stateFile struct {
	// Letters is the topic of letters, Filter what was chosen of them.
	Letters string `json:"letters"`
	Filter  filter `json:"filter"`
	// Next is the offset to go on at, by partition.
	Next map[int]int64 `json:"next"`
	// Refused are the offsets of letters before that whose records were refused, by
	// partition.
	Refused map[int][]int64 `json:"refused,omitempty"`
}

// maxRefused bounds the file.
const maxRefused = 10_000

// openState reads the file if there is one. It must be of the same topic and filter:
// what another filter has left out was not redriven.
func openState(o options, letters string) (*state, error) {
	s := &state{path: o.state, kept: stateFile{Letters: letters, Filter: o.filter, Next: map[int]int64{}, Refused: map[int][]int64{}}}
	if o.isDryRun {
		s.path = ""
	}
	if o.state == "" {
		return s, nil
	}
	data, err := os.ReadFile(o.state)
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.write() // or it were found out after the first letters
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	var kept stateFile
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("reading the state in %s: %w", o.state, err)
	}
	switch {
	case kept.Letters != letters:
		return nil, fmt.Errorf("the state in %s is of %s, not of %s: name another file", o.state, kept.Letters, letters)
	case !kept.Filter.equals(o.filter):
		return nil, fmt.Errorf("the state in %s is of other letters: give the same flags again, or name another file", o.state)
	}
	maps.Copy(s.kept.Next, kept.Next)
	maps.Copy(s.kept.Refused, kept.Refused)
	return s, s.write()
}

// again returns the letters that were refused before, as far as they are there.
func (s *state) again(spans []consumer.Span) []consumer.Span {
	var again []consumer.Span
	for _, span := range spans {
		for _, offset := range s.kept.Refused[span.Partition] {
			if span.From <= offset && offset < span.To {
				again = append(again, consumer.Span{Topic: span.Topic, Partition: span.Partition, From: offset, To: offset + 1})
			}
		}
	}
	return again
}

// note remembers a letter whose record is refused, and forgets one whose is not any
// more.
func (s *state) note(e *entry, isRefused bool) error {
	if s.path == "" {
		return nil
	}
	refused := s.kept.Refused[e.partition]
	at, isKnown := slices.BinarySearch(refused, e.offset)
	switch {
	case isRefused && len(refused) == maxRefused:
		return fmt.Errorf("%d letters of partition %d are refused: repair what is wrong, or leave them out by --class or --error", maxRefused, e.partition)
	case isRefused && !isKnown:
		s.kept.Refused[e.partition] = slices.Insert(refused, at, e.offset)
	case !isRefused && isKnown:
		s.kept.Refused[e.partition] = slices.Delete(refused, at, at+1)
	}
	return nil
}

// cut takes off spans what is done.
func (s *state) cut(spans []consumer.Span, to printer) error {
	for i := range spans {
		span := &spans[i]
		next, isKnown := s.kept.Next[span.Partition]
		switch {
		case !isKnown:
		case next > span.To:
			return fmt.Errorf("the state goes to %d in %s/%d, which ends at %d: the topic was made anew, so name another file",
				next, span.Topic, span.Partition, span.To)
		case next < span.From:
			to.say("%s/%d: %d letters since the last time are gone, their retention is over", span.Topic, span.Partition, span.From-next)
		default:
			span.From = next
		}
	}
	return nil
}

// save takes note that a partition is done with up to next. A crash leaves the file
// as it was or as it is now.
func (s *state) save(partition int, next int64) error {
	s.kept.Next[partition] = max(next, s.kept.Next[partition])
	return s.write()
}

func (s *state) write() error {
	if s.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.kept, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}
