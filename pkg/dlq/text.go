package dlq

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Text is bytes that mostly are text: JSON shows them as a string if they are
// valid UTF-8, and as {"base64":"…"} if not.
type Text []byte

// newText copies b; nil stays nil.
func newText(b []byte) *Text {
	if b == nil {
		return nil
	}
	t := Text(append([]byte{}, b...))
	return &t
}

// Bytes returns the exact bytes, nil for a nil Text.
func (t *Text) Bytes() []byte {
	if t == nil {
		return nil
	}
	return *t
}

type binary struct {
	Base64 *string `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.Valid(t) {
		return json.Marshal(string(t))
	}
	encoded := base64.StdEncoding.EncodeToString(t)
	return json.Marshal(binary{Base64: &encoded})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var b binary
		if err := json.Unmarshal(data, &b); err != nil {
			return err
		}
		if b.Base64 == nil {
			return fmt.Errorf("reading text: no base64 in %.20s", data)
		}
		decoded, err := base64.StdEncoding.DecodeString(*b.Base64)
		if err != nil {
			return fmt.Errorf("reading text: %w", err)
		}
		*t = decoded
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*t = []byte(text)
	return nil
}
