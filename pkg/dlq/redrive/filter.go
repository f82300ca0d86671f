package redrive

import (
	"errors"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/dlq"
)

// filter says which letters are meant. Its zero value means all.
type filter struct {
	// Class and Topic are exact, Error is a part of the text, Key the whole key.
	Class string `json:"class,omitempty"`
	Error string `json:"error,omitempty"`
	Key   string `json:"key,omitempty"`
	Topic string `json:"topic,omitempty"`
	// Since and Until bound the time of failure, Until without itself.
	Since moment `json:"since,omitzero"`
	Until moment `json:"until,omitzero"`
}

// moment is a time, or how long ago it was when the command began.
type moment struct {
	text string
	at   time.Time
}

func (m *moment) isSet() bool { return m.text != "" }

// isRelative says that the same text is another time the next time.
func (m *moment) isRelative() bool {
	_, err := time.ParseDuration(m.text)
	return err == nil
}

// set reads a flag.
func (m *moment) set(text string) error {
	m.text = text
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		m.at = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("want a time like 2026-11-27T13:00:00Z, or how long ago, like 2h")
	}
	m.at = at
	return nil
}

// MarshalText implements encoding.TextMarshaler: it keeps the text.
func (m moment) MarshalText() ([]byte, error) { return []byte(m.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	return m.set(string(text))
}

func (f filter) matches(l *dlq.Letter) bool {
	switch {
	case f.Class != "" && l.ErrorClass != f.Class,
		!strings.Contains(l.Error, f.Error),
		f.Key != "" && string(l.Key.Bytes()) != f.Key,
		f.Topic != "" && l.Topic != f.Topic,
		l.FailedAt.Before(f.Since.at),
		f.Until.isSet() && !l.FailedAt.Before(f.Until.at):
		return false
	}
	return true
}

// equals says whether the same was asked for.
func (f filter) equals(other filter) bool {
	isSame := f.Since.text == other.Since.text && f.Until.text == other.Until.text
	f.Since, f.Until, other.Since, other.Until = moment{}, moment{}, moment{}, moment{}
	return isSame && f == other
}
