package block

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// layout walks over a column of one type. Its prefix comes once before the data
// of the whole column.
type layout interface {
	prefix(c *copier) error
	data(c *copier, rows uint64) error
}

// fixed is a type of that many bytes a value.
type fixed uint64

func (fixed) prefix(*copier) error                { return nil }
func (f fixed) data(c *copier, rows uint64) error { return c.bytes(rows, uint64(f)) }

type text struct{}

func (text) prefix(*copier) error              { return nil }
func (text) data(c *copier, rows uint64) error { return c.strings(rows) }

type nullable struct{ value layout }

func (n nullable) prefix(c *copier) error { return n.value.prefix(c) }

func (n nullable) data(c *copier, rows uint64) error {
	if err := c.bytes(rows, 1); err != nil {
		return err
	}
	return n.value.data(c, rows)
}

// array is Array and Map: the ends of all values, then all elements.
type array struct{ element layout }

func (a array) prefix(c *copier) error { return a.element.prefix(c) }

func (a array) data(c *copier, rows uint64) error {
	start := len(c.dst)
	if err := c.bytes(rows, 8); err != nil {
		return err
	}
	var last uint64
	for ends := c.dst[start:]; len(ends) > 0; ends = ends[8:] {
		next := binary.LittleEndian.Uint64(ends)
		if next < last {
			return fmt.Errorf("array offset %d comes after %d", next, last)
		}
		last = next
	}
	return a.element.data(c, last)
}

type tuple []layout

func (t tuple) prefix(c *copier) error {
	for _, element := range t {
		if err := element.prefix(c); err != nil {
			return err
		}
	}
	return nil
}

func (t tuple) data(c *copier, rows uint64) error {
	for _, element := range t {
		if err := element.data(c, rows); err != nil {
			return err
		}
	}
	return nil
}

// dictionary is LowCardinality: the distinct values and an index for each row.
type dictionary struct{ value layout }

const (
	dictionaryVersion = 1
	indexWidthMask    = 0xff
	indexOwnKeys      = 1 << 9
	indexSharedKeys   = 1 << 8
)

func (dictionary) prefix(c *copier) error {
	version, err := c.number()
	if err != nil {
		return err
	}
	if version != dictionaryVersion {
		return fmt.Errorf("dictionary has version %d", version)
	}
	return nil
}

func (d dictionary) data(c *copier, rows uint64) error {
	if rows == 0 {
		return nil
	}
	flags, err := c.number()
	if err != nil {
		return err
	}
	width := flags & indexWidthMask
	if width > 3 || flags&indexOwnKeys == 0 || flags&indexSharedKeys != 0 {
		return fmt.Errorf("dictionary has flags %#x", flags)
	}
	keys, err := c.number()
	if err != nil {
		return err
	}
	if err := d.value.data(c, keys); err != nil {
		return err
	}
	count, err := c.number()
	if err != nil {
		return err
	}
	if count != rows {
		return fmt.Errorf("dictionary has %d indexes for %d rows", count, rows)
	}
	start := len(c.dst)
	if err := c.bytes(rows, 1<<width); err != nil {
		return err
	}
	return checkIndexes(c.dst[start:], 1<<width, keys)
}

func checkIndexes(indexes []byte, width int, keys uint64) error {
	for ; len(indexes) > 0; indexes = indexes[width:] {
		var index uint64
		switch width {
		case 1:
			index = uint64(indexes[0])
		case 2:
			index = uint64(binary.LittleEndian.Uint16(indexes))
		case 4:
			index = uint64(binary.LittleEndian.Uint32(indexes))
		default:
			index = binary.LittleEndian.Uint64(indexes)
		}
		if index >= keys {
			return errors.New("dictionary index points past its keys")
		}
	}
	return nil
}
