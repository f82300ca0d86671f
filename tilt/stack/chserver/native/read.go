package native

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxText bounds a text in a packet: a query with inline rows at most.
const maxText = 256 << 20

var errTextTooLong = fmt.Errorf("text is longer than %d bytes", maxText)

// fields reads the fields of a packet one by one, keeping the first error.
type fields struct {
	in  *bufio.Reader
	err error
}

// fail keeps err; an end in the middle of a packet is not the normal one.
func (f *fields) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) byte() byte {
	if f.err != nil {
		return 0
	}
	b, err := f.in.ReadByte()
	if err != nil {
		f.fail(err)
	}
	return b
}

func (f *fields) varint() uint64 {
	if f.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(f.in)
	if err != nil {
		f.fail(err)
		return 0
	}
	return v
}

func (f *fields) text() string {
	length := f.varint()
	if length > maxText {
		f.fail(errTextTooLong)
	}
	if f.err != nil {
		return ""
	}
	// The length may be garbage: memory grows with what really comes.
	var text []byte
	for left := int(length); left > 0; {
		n := min(left, 1<<16)
		at := len(text)
		text = append(text, make([]byte, n)...)
		if _, err := io.ReadFull(f.in, text[at:]); err != nil {
			f.fail(err)
			return ""
		}
		left -= n
	}
	return string(text)
}

func (f *fields) skip(n int) {
	if f.err != nil {
		return
	}
	if _, err := f.in.Discard(n); err != nil {
		f.fail(err)
	}
}
