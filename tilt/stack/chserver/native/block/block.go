package block

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
)

// Revisions of the native protocol from which a block has these parts.
const (
	revisionBlockInfo           = 51903
	revisionCustomSerialization = 54454
)

// maxColumns bounds the columns of a block.
const maxColumns = 1 << 14

// Column is a column's name and ClickHouse type.
type Column struct{ Name, Type string }

// Header describes a block.
type Header struct {
	Columns []Column
	Rows    int
}

// IsEnd reports whether the block says that there are no more.
func (h Header) IsEnd() bool { return len(h.Columns) == 0 && h.Rows == 0 }

// Reframer re-frames the blocks of one connection.
type Reframer struct {
	revision int
	layouts  map[string]layout
}

// NewReframer returns a Reframer for a connection of that protocol revision.
func NewReframer(revision int) *Reframer {
	return &Reframer{revision: revision, layouts: map[string]layout{}}
}

// FromClient reads a block of the protocol from src and appends it to dst as
// the engine's format has it. On an error dst is returned as it was.
func (r *Reframer) FromClient(dst []byte, src *bufio.Reader) ([]byte, Header, error) {
	if r.revision >= revisionBlockInfo {
		if err := skipInfo(src); err != nil {
			return dst, Header{}, fmt.Errorf("reading block information: %w", err)
		}
	}
	return r.copy(dst, src, r.skipCustom)
}

// FromEngine reads a block of the engine's format from src and appends it to
// dst as the protocol has it. On an error dst is returned as it was.
func (r *Reframer) FromEngine(dst []byte, src *bufio.Reader) ([]byte, Header, error) {
	start := len(dst)
	block, header, err := r.copy(r.appendInfo(dst), src, func(c *copier) error {
		if r.revision >= revisionCustomSerialization {
			c.dst = append(c.dst, 0)
		}
		return nil
	})
	if err != nil {
		return dst[:start], Header{}, err
	}
	return block, header, nil
}

// AppendHeader appends a block without rows: what columns are to come, or for
// none, that nothing is to come.
func (r *Reframer) AppendHeader(dst []byte, columns []Column) []byte {
	dst = r.appendInfo(dst)
	dst = binary.AppendUvarint(dst, uint64(len(columns)))
	dst = binary.AppendUvarint(dst, 0)
	for _, column := range columns {
		dst = appendText(appendText(dst, column.Name), column.Type)
		if r.revision >= revisionCustomSerialization {
			dst = append(dst, 0)
		}
	}
	return dst
}

// appendInfo appends block information that says nothing special: no
// overflow, and bucket -1.
func (r *Reframer) appendInfo(dst []byte) []byte {
	if r.revision < revisionBlockInfo {
		return dst
	}
	return append(dst, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// copy copies a block; framing is called behind each column's type.
func (r *Reframer) copy(dst []byte, src *bufio.Reader, framing func(*copier) error) ([]byte, Header, error) {
	c := &copier{src: src, dst: dst, start: len(dst)}
	columns, err := c.varint()
	if err != nil {
		return dst, Header{}, fmt.Errorf("reading number of columns: %w", err)
	}
	rows, err := c.varint()
	if err != nil {
		return dst, Header{}, fmt.Errorf("reading number of rows: %w", err)
	}
	if columns > maxColumns || rows > maxBytes || columns == 0 && rows > 0 {
		return dst, Header{}, fmt.Errorf("block says it has %d columns and %d rows", columns, rows)
	}
	header := Header{Rows: int(rows)}
	for range columns {
		column, err := r.copyColumn(c, rows, framing)
		if err != nil {
			return dst, Header{}, fmt.Errorf("reading column %d %q: %w", len(header.Columns), column.Name, err)
		}
		header.Columns = append(header.Columns, column)
	}
	return c.dst, header, nil
}

func (r *Reframer) copyColumn(c *copier, rows uint64, framing func(*copier) error) (column Column, err error) {
	if column.Name, err = c.text(); err != nil {
		return column, err
	}
	if column.Type, err = c.text(); err != nil {
		return column, err
	}
	if err := framing(c); err != nil || rows == 0 {
		return column, err
	}
	walk, err := r.layout(column.Type)
	if err != nil {
		return column, err
	}
	if err := walk.prefix(c); err != nil {
		return column, err
	}
	return column, walk.data(c, rows)
}

// layout keeps the layouts of a connection's types, of which there are few.
func (r *Reframer) layout(typeName string) (layout, error) {
	if known, ok := r.layouts[typeName]; ok {
		return known, nil
	}
	parsed, err := parse(typeName, 0)
	if err != nil {
		return nil, err
	}
	if len(r.layouts) < maxColumns {
		r.layouts[typeName] = parsed
	}
	return parsed, nil
}

func (r *Reframer) skipCustom(c *copier) error {
	if r.revision < revisionCustomSerialization {
		return nil
	}
	custom, err := c.src.ReadByte()
	if err != nil {
		return truncated(err)
	}
	if custom != 0 {
		return errors.New("custom serialization is not supported")
	}
	return nil
}

// skipInfo passes the fields of block information.
func skipInfo(src *bufio.Reader) error {
	for {
		field, err := readVarint(src)
		if err != nil {
			return err
		}
		var size int
		switch field {
		case 0:
			return nil
		case 1:
			size = 1
		case 2:
			size = 4
		default:
			return fmt.Errorf("field %d is unknown", field)
		}
		if _, err := src.Discard(size); err != nil {
			return truncated(err)
		}
	}
}
