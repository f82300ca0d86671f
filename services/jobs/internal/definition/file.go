package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
)

// written is a definition as a file holds it.
type written struct {
	Name      string `yaml:"name"`
	Kind      string `yaml:"kind"`
	Schedule  string `yaml:"schedule"`
	Enabled   *bool  `yaml:"enabled"`
	Params    any    `yaml:"params"`
	UpdatedAt string `yaml:"updated_at"`
}

// errEmpty is why a file of nothing does not remove all jobs: it may be about to
// be written.
var errEmpty = errors.New("reading the definitions: the file is empty; [] is a list without any")

// ParseFile reads a list of definitions in YAML or JSON. A name may be there
// once.
func ParseFile(text []byte) ([]Definition, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errEmpty
	}
	entries, err := unmarshal(text)
	if err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	definitions := make([]Definition, 0, len(entries))
	seen := map[string]bool{}
	var problems []error
	for i, entry := range entries {
		d, err := entry.definition()
		if err != nil {
			problems = append(problems, fmt.Errorf("definition %d (%q): %w", i+1, entry.Name, err))
		}
		if seen[d.Name] {
			problems = append(problems, fmt.Errorf("definition %d: there is another with the name %q", i+1, d.Name))
		}
		seen[d.Name] = true
		definitions = append(definitions, d)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	return definitions, nil
}

// unmarshal makes an error of a panic: there are texts that crash the library
// (testdata/fuzz holds one).
func unmarshal(text []byte) (entries []written, err error) {
	defer func() {
		if p := recover(); p != nil {
			entries, err = nil, fmt.Errorf("no list in YAML or JSON: %v", p)
		}
	}()
	err = yaml.UnmarshalWithOptions(text, &entries, yaml.DisallowUnknownField())
	return entries, err
}

func (w written) definition() (Definition, error) {
	d := Definition{Name: w.Name, Kind: w.Kind, Schedule: w.Schedule, Enabled: w.Enabled == nil || *w.Enabled, UpdatedAt: w.UpdatedAt}
	switch params := w.Params.(type) {
	case nil:
		d.Params = emptyParams
	case string:
		d.Params = params
	default:
		text, err := json.Marshal(params)
		if err != nil {
			return d, fmt.Errorf("params: %w", err)
		}
		d.Params = string(text)
	}
	return d, nil
}
