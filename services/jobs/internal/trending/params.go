package trending

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

const (
	defaultTopK = 100
	maxTopK     = 1000
)

// Params is what a job of this kind is told.
type Params struct {
	Window Window
	// TopK is how many posts the list has at most.
	TopK int
	// HalfLife is the age at which engagement counts half; 0 means it does not
	// age.
	HalfLife time.Duration
}

// ParseParams reads {"window":"1h","top_k":100,"decay":"6h"}, of which window is
// required. Its error names everything that is wrong.
func ParseParams(text []byte) (Params, error) {
	fields := map[string]json.RawMessage{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&fields); err != nil || fields == nil {
		return Params{}, errors.New("params: must be a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Params{}, errors.New("params: must be one JSON object")
	}
	params := Params{TopK: defaultTopK}
	var problems []error
	note := func(field string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("params.%s: %w", field, err))
		}
	}
	if _, isThere := fields["window"]; !isThere {
		note("window", errors.New("is required"))
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		note(field, params.set(field, fields[field]))
	}
	return params, errors.Join(problems...)
}

func (p *Params) set(field string, value json.RawMessage) (err error) {
	var text string
	switch field {
	case "window":
		if json.Unmarshal(value, &text) != nil {
			return errSpan
		}
		p.Window, err = ParseWindow(text)
	case "decay":
		if json.Unmarshal(value, &text) != nil {
			return errSpan
		}
		p.HalfLife, err = parseSpan(text)
	case "top_k":
		p.TopK = 0 // null changes nothing
		if json.Unmarshal(value, &p.TopK) != nil || p.TopK < 1 || p.TopK > maxTopK {
			return fmt.Errorf("must be a whole number from 1 to %d", maxTopK)
		}
	default:
		return errors.New("is unknown; there are window, top_k and decay")
	}
	return err
}
