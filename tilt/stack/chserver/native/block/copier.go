package block

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxBytes bounds a block; ClickHouse's clients send at most about as much.
const maxBytes = 1 << 30

// step bounds how much memory a length, which may be garbage, takes before its
// bytes have come.
const step = 1 << 20

var errTooLarge = fmt.Errorf("block is larger than %d bytes", maxBytes)

// copier appends what it reads from src to dst.
type copier struct {
	src   *bufio.Reader
	dst   []byte
	start int // of the block in dst
}

// bytes copies count values of size bytes each.
func (c *copier) bytes(count, size uint64) error {
	if size != 0 && count > maxBytes/size {
		return errTooLarge
	}
	for left := int(count * size); left > 0; {
		n := min(left, step)
		if len(c.dst)-c.start+n > maxBytes {
			return errTooLarge
		}
		at := len(c.dst)
		c.dst = grow(c.dst, n)
		if _, err := io.ReadFull(c.src, c.dst[at:]); err != nil {
			return truncated(err)
		}
		left -= n
	}
	return nil
}

// grow lengthens b by n bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		larger := make([]byte, len(b), max(2*cap(b), len(b)+n))
		copy(larger, b)
		b = larger
	}
	return b[:len(b)+n]
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// varint copies an unsigned number of variable length.
func (c *copier) varint() (uint64, error) {
	v, err := readVarint(c.src)
	if err != nil {
		return 0, err
	}
	c.dst = binary.AppendUvarint(c.dst, v)
	return v, nil
}

func readVarint(src *bufio.Reader) (uint64, error) {
	b, err := src.ReadByte()
	if err != nil {
		return 0, truncated(err)
	}
	v := uint64(b & 0x7f)
	for shift := 7; b >= 0x80; shift += 7 {
		if shift > 63 {
			return 0, errors.New("number of variable length is too long")
		}
		if b, err = src.ReadByte(); err != nil {
			return 0, truncated(err)
		}
		v |= uint64(b&0x7f) << shift
	}
	return v, nil
}

// number copies a 64-bit number.
func (c *copier) number() (uint64, error) {
	if err := c.bytes(1, 8); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(c.dst[len(c.dst)-8:]), nil
}

// strings copies count strings, each with its length before it.
func (c *copier) strings(count uint64) error {
	for ; count > 0; count-- {
		n, err := c.varint()
		if err != nil {
			return err
		}
		if err := c.bytes(n, 1); err != nil {
			return err
		}
	}
	return nil
}

// text copies a string and returns it.
func (c *copier) text() (string, error) {
	n, err := c.varint()
	if err != nil {
		return "", err
	}
	if err := c.bytes(n, 1); err != nil {
		return "", err
	}
	return string(c.dst[len(c.dst)-int(n):]), nil
}
