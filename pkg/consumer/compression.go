package consumer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go/compress"
)

// scratch lends memory to decompress into: how much a batch takes is known at its
// end, and what is kept of it should be no more than that.
type scratch struct{ buffers sync.Pool } // of *[]byte

// maxScratch is the largest buffer that is kept for the next.
const maxScratch = 16 << 20

func (s *scratch) take() *[]byte {
	if buffer, isKept := s.buffers.Get().(*[]byte); isKept {
		return buffer
	}
	return new([]byte)
}

func (s *scratch) give(buffer *[]byte) {
	if cap(*buffer) <= maxScratch {
		s.buffers.Put(buffer)
	}
}

// decompress returns the records of a batch. Those of codec 0 share memory with
// body.
func (s *scratch) decompress(body []byte, codec int16) ([]byte, error) {
	if codec == 0 {
		return body, nil
	}
	c := compress.Compression(codec).Codec()
	if c == nil {
		return nil, fmt.Errorf("compression codec %d is unknown", codec)
	}
	stream := c.NewReader(bytes.NewReader(body))
	defer func() { _ = stream.Close() }()
	buffer := s.take()
	defer s.give(buffer)
	plain := slices.Grow((*buffer)[:0], min(decompressionRate*len(body)+bytes.MinRead, maxDecompressed))
	defer func() { *buffer = plain }()
	for {
		n, err := stream.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
		if errors.Is(err, io.EOF) {
			return bytes.Clone(plain), nil
		}
		if err != nil {
			return nil, fmt.Errorf("decompressing %s: %w", c.Name(), err)
		}
		if len(plain) > maxDecompressed {
			return nil, fmt.Errorf("decompressing %s: more than %d bytes", c.Name(), maxDecompressed)
		}
		if len(plain) == cap(plain) {
			plain = append(plain, 0)[:len(plain)]
		}
	}
}
