package load

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nova-data/nova/pkg/event"
)

const (
	letterBytes = 64 << 10
	// maxPadding is below what an attribute may hold.
	maxPadding = 4000
	// maxVersionPadding is how far app_ver is lengthened where no attribute fits.
	maxVersionPadding = 60
)

// encoder makes bodies out of events. It belongs to one goroutine.
type encoder struct {
	payload int
	form    Format
	letters string

	one, all []byte
	packed   bytes.Buffer
	packer   *gzip.Writer // nil: not compressed
}

func newEncoder(cfg Config) encoder {
	e := encoder{payload: cfg.Payload, form: cfg.Format, letters: letters(cfg.Seed)}
	if cfg.Gzip {
		e.packer, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level there is
	}
	return e
}

// letters is text that compresses as badly as letters and digits do.
func letters(seed uint64) string {
	const from = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"
	random := rand.New(rand.NewPCG(seed, copyStream)) //nolint:gosec // not a secret
	text := make([]byte, letterBytes)
	for i := range text {
		text[i] = from[random.IntN(len(from))]
	}
	return string(text)
}

func (n *encoder) begin() {
	n.all = n.all[:0]
	if n.form == JSON {
		n.all = append(n.all, `{"events":[`...)
	}
}

func (n *encoder) add(e *event.Event, random *rand.Rand) error {
	n.encode(e)
	if n.payload > 0 && !n.pad(e, random.IntN(letterBytes-maxPadding)) {
		return fmt.Errorf("padding an event of %d bytes to %d: no attributes make up the difference", len(n.one), n.payload)
	}
	if n.form == Protobuf {
		n.all = protowire.AppendTag(n.all, 1, protowire.BytesType) // EventBatch.events
		n.all = protowire.AppendBytes(n.all, n.one)
		return nil
	}
	if n.all[len(n.all)-1] == '}' {
		n.all = append(n.all, ',')
	}
	n.all = append(n.all, n.one...)
	return nil
}

// end returns the body. It is a copy: the network may still read it when its request
// has been given up.
func (n *encoder) end() ([]byte, error) {
	if n.form == JSON {
		n.all = append(n.all, `]}`...)
	}
	if n.packer == nil {
		return bytes.Clone(n.all), nil
	}
	n.packed.Reset()
	n.packer.Reset(&n.packed)
	_, err := n.packer.Write(n.all)
	if err == nil {
		err = n.packer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing a body: %w", err)
	}
	return bytes.Clone(n.packed.Bytes()), nil
}

// encode puts the event into n.one.
func (n *encoder) encode(e *event.Event) {
	if n.form == Protobuf {
		n.one = e.AppendProtobuf(n.one[:0])
	} else {
		n.one = appendJSON(n.one[:0], e)
	}
}

// pad makes the encoded event as long as it is to be. Some lengths are out of reach of
// one attribute, since lengths have lengths: there app_ver takes a few bytes.
func (n *encoder) pad(e *event.Event, from int) bool {
	version := e.AppVersion
	for extra := range maxVersionPadding {
		e.AppVersion = version + n.letters[:extra] // few different ones: the column keeps a dictionary
		e.Attributes = nil
		n.encode(e)
		if len(n.one) < n.payload {
			n.fill(e, from)
		}
		if len(n.one) == n.payload {
			return true
		}
	}
	return false
}

// fill adds attributes while there is room for their values.
func (n *encoder) fill(e *event.Event, from int) {
	for len(n.one) < n.payload {
		e.Attributes = append(e.Attributes, event.Attribute{Name: "pad" + strconv.Itoa(10+len(e.Attributes))})
		n.encode(e)
		empty := n.payload - len(n.one) // what the name leaves for the value
		last := &e.Attributes[len(e.Attributes)-1]
		last.Value = n.letters[from : from+min(max(empty, 0), maxPadding)]
		n.encode(e)
		if over := len(n.one) - n.payload; over > 0 && over <= len(last.Value) {
			last.Value = last.Value[:len(last.Value)-over]
			n.encode(e)
		}
		if len(last.Value) < maxPadding {
			return
		}
	}
}

// appendJSON appends an event of plain ASCII texts.
func appendJSON(dst []byte, e *event.Event) []byte {
	dst = append(append(dst, `{"event_id":"`...), e.ID.String()...)
	dst = strconv.AppendInt(append(dst, `","ts":`...), e.TimeMS, 10)
	dst = append(append(dst, `,"user_id":"`...), e.UserID.String()...)
	dst = append(append(dst, `","post_id":"`...), e.PostID.String()...)
	dst = append(append(dst, `","action":"`...), e.Action.EventType()...)
	dst = append(dst, '"')
	if e.DwellMS > 0 {
		dst = strconv.AppendUint(append(dst, `,"dwell_ms":`...), uint64(e.DwellMS), 10)
	}
	dst = appendText(dst, "device", e.Device)
	dst = appendText(dst, "app_ver", e.AppVersion)
	for i, attribute := range e.Attributes {
		if i == 0 {
			dst = append(dst, `,"attributes":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), attribute.Name...), `":"`...)
		dst = append(append(dst, attribute.Value...), '"')
	}
	if len(e.Attributes) > 0 {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func appendText(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":"`...)
	return append(append(dst, value...), '"')
}
