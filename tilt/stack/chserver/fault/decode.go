package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// decode reads one rule or an array of rules.
func decode(body io.Reader) ([]Rule, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	rules := make([]Rule, 1)
	var target any = &rules[0]
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		target = &rules
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return nil, fmt.Errorf("decoding rules: %w", err)
	}
	return rules, nil
}
