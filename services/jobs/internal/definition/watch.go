package definition

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	for isFirst := true; ; isFirst = false {
		text, err := f.read()
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if isFirst || problem != lastProblem || err == nil && !bytes.Equal(text, last) {
			f.tell(text, err)
			last, lastProblem = text, problem
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (f File) tell(text []byte, err error) {
	var definitions []Definition
	if err == nil {
		definitions, err = ParseFile(text)
	}
	if err != nil {
		f.Failed(err)
		return
	}
	f.Changed(definitions)
}

func (f File) read() ([]byte, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the definitions: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, errors.New("reading the definitions: the file is too large")
	}
	return text, nil
}
