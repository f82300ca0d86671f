package definition

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// pollInterval is how soon a change of the file is noticed.
	pollInterval = 2 * time.Second
	// maxFileBytes is more than any list of jobs has.
	maxFileBytes = 4 << 20
)

// File is a file of definitions that is read again when it changes.
type File struct {
	Path string
	// Changed is told what the file holds now.
	Changed func(definitions []Definition)
	// Failed is told why it could not be read; then what it held last counts.
	Failed func(err error)
}

// Watch reads the file now and whenever it is another, until ctx ends. It looks
// at what the file holds: its time says nothing after a link was turned.
func (f File) Watch(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last []byte
	var lastProblem string
	var told []Definition
	for isFirst := true; ; isFirst = false {
		text, written, err := f.read()
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if isFirst || problem != lastProblem || err == nil && !bytes.Equal(text, last) {
			told = f.tell(text, written, told, err)
			last, lastProblem = text, problem
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// tell passes on what the file holds, and returns what was told last.
func (f File) tell(text []byte, written time.Time, before []Definition, err error) []Definition {
	var definitions []Definition
	if err == nil {
		definitions, err = ParseFile(text)
	}
	if err != nil {
		f.Failed(err)
		return before
	}
	date(definitions, before, written)
	f.Changed(definitions)
	return slices.Clone(definitions)
}

// date fills in when definitions were written that do not say so: with the file,
// unless they were there before. So one that comes back after another is a new
// one, and a change of one does not touch the others.
func date(definitions, before []Definition, written time.Time) {
	known := map[Definition]string{}
	for _, d := range before {
		updatedAt := d.UpdatedAt
		d.UpdatedAt = ""
		known[d] = updatedAt
	}
	for i, d := range definitions {
		if d.UpdatedAt != "" {
			continue
		}
		definitions[i].UpdatedAt = cmp.Or(known[d], written.UTC().Format(time.RFC3339Nano))
	}
}

// read returns what the file holds, and when it was written.
func (f File) read() (text []byte, written time.Time, err error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("opening the definitions: %w", err)
	}
	defer func() { _ = file.Close() }()
	about, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the definitions: %w", err)
	}
	text, err = io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the definitions: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, time.Time{}, errors.New("reading the definitions: the file is too large")
	}
	return text, about.ModTime(), nil
}
