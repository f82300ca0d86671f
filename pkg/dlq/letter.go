package dlq

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The encodings of Letter.OriginalEvent.
const (
	// JSON is the record's value itself.
	JSON = "json"
	// Base64 is a JSON string with the value's bytes in standard base64.
	Base64 = "base64"
	// Null is JSON's null, for a record whose value is null.
	Null = "null"
)

// Letter is a record that could not be processed.
type Letter struct {
	// OriginalEvent is the record's value, and Encoding says how. It comes first.
	OriginalEvent json.RawMessage `json:"original_event"`
	Encoding      string          `json:"encoding"`
	// Error says what was wrong, and ErrorClass what kind of error it is.
	Error      string    `json:"error"`
	ErrorClass string    `json:"error_class"`
	FailedAt   time.Time `json:"failed_at"`
	// RetryCount is how often the record had been tried.
	RetryCount int `json:"retry_count"`
	// Topic, Partition and Offset are where the record came from.
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	// Key is the record's key, null if it has none.
	Key     *Text    `json:"key"`
	Headers []Header `json:"headers"`
	// Schema names what the record claimed to be, if it did.
	Schema string `json:"schema,omitempty"`
}

// Header is a header of the record.
type Header struct {
	Key   string `json:"key"`
	Value *Text  `json:"value"`
}

// Record is what a letter is made of.
type Record struct {
	Topic      string
	Partition  int
	Offset     int64
	Key, Value []byte
	Headers    []RecordHeader
}

// RecordHeader is a header as it was on the record.
type RecordHeader struct {
	Key   string
	Value []byte
}

// Failure is why a record became a letter.
type Failure struct {
	Err   error
	Class string
	At    time.Time
	// Retries is how often the record had been tried.
	Retries int
	// Schema names what the record claimed to be; empty if it did not.
	Schema string
}

// NewLetter returns the letter for a record. It copies what it keeps.
func NewLetter(r Record, f Failure) Letter {
	letter := Letter{
		ErrorClass: f.Class,
		FailedAt:   f.At.UTC().Truncate(time.Millisecond),
		RetryCount: f.Retries,
		Topic:      r.Topic,
		Partition:  r.Partition,
		Offset:     r.Offset,
		Key:        newText(r.Key),
		Headers:    make([]Header, 0, len(r.Headers)),
		Schema:     f.Schema,
	}
	if f.Err != nil {
		letter.Error = strings.ToValidUTF8(f.Err.Error(), "\uFFFD")
	}
	letter.OriginalEvent, letter.Encoding = encodeOriginal(r.Value)
	for _, h := range r.Headers {
		letter.Headers = append(letter.Headers, Header{Key: strings.ToValidUTF8(h.Key, "\uFFFD"), Value: newText(h.Value)})
	}
	return letter
}

// encodeOriginal embeds a value as JSON if decoding the letter gives the same
// bytes back. That is not so for every valid JSON: space around it is lost, bytes
// that are no UTF-8 spoil the letter, and nesting has a limit.
func encodeOriginal(value []byte) (json.RawMessage, string) {
	if value == nil {
		return json.RawMessage("null"), Null
	}
	if utf8.Valid(value) && len(bytes.Trim(value, " \t\r\n")) == len(value) && json.Valid(value) &&
		json.Valid(slices.Concat([]byte("["), value, []byte("]"))) {
		return bytes.Clone(value), JSON
	}
	encoded := make([]byte, 0, base64.StdEncoding.EncodedLen(len(value))+2)
	encoded = append(encoded, '"')
	encoded = base64.StdEncoding.AppendEncode(encoded, value)
	return append(encoded, '"'), Base64
}

// Original returns the record's value, byte for byte, nil for null.
func (l Letter) Original() ([]byte, error) {
	switch l.Encoding {
	case JSON:
		return bytes.Clone(l.OriginalEvent), nil
	case Null:
		return nil, nil
	case Base64:
		var text string
		if err := json.Unmarshal(l.OriginalEvent, &text); err != nil {
			return nil, fmt.Errorf("reading the original event: %w", err)
		}
		value, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("reading the original event: %w", err)
		}
		return value, nil
	default:
		return nil, fmt.Errorf("reading the original event: unknown encoding %q", l.Encoding)
	}
}

// Origin returns where the record came from as topic/partition/offset, which is
// the letter's key.
func (l Letter) Origin() string {
	return l.Topic + "/" + strconv.Itoa(l.Partition) + "/" + strconv.FormatInt(l.Offset, 10)
}

// Encode returns the letter as JSON. The original event is put in as it is: the
// encoder would take the space out of it.
func (l Letter) Encode() ([]byte, error) {
	const head, placeholder = `{"original_event":`, "0"
	original := l.OriginalEvent
	if !json.Valid(original) {
		return nil, fmt.Errorf("encoding the letter of %s: the original event is no JSON", l.Origin())
	}
	l.OriginalEvent = json.RawMessage(placeholder)
	encoded, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the letter of %s: %w", l.Origin(), err)
	}
	return slices.Concat([]byte(head), original, encoded[len(head)+len(placeholder):]), nil
}

// Decode reads a letter that Encode wrote. Fields it does not know are ignored.
func Decode(data []byte) (Letter, error) {
	var l Letter
	if err := json.Unmarshal(data, &l); err != nil {
		return Letter{}, fmt.Errorf("decoding a letter: %w", err)
	}
	if l.Topic == "" || l.Encoding == "" || len(l.OriginalEvent) == 0 {
		return Letter{}, errors.New("decoding a letter: topic, encoding or original event is missing")
	}
	if _, err := l.Original(); err != nil {
		return Letter{}, fmt.Errorf("decoding a letter: %w", err)
	}
	return l, nil
}

// HeaderOrigin is a redriven record's header with the coordinates of the dead
// record that it is a copy of, topic/partition/offset; after more than one redrive,
// of all of them, separated by commas.
const HeaderOrigin = "nova-redrive-origin"

// Record returns the record that the letter was made of, byte for byte. Its
// coordinates are the dead record's.
func (l Letter) Record() (Record, error) {
	value, err := l.Original()
	if err != nil {
		return Record{}, err
	}
	r := Record{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Key: l.Key.Bytes(), Value: value}
	for _, h := range l.Headers {
		r.Headers = append(r.Headers, RecordHeader{Key: h.Key, Value: h.Value.Bytes()})
	}
	return r, nil
}
