package consumer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/compress"
)

// decompress returns the records of a batch. Those of codec 0 share memory with
// body.
func decompress(body []byte, codec int16) ([]byte, error) {
	if codec == 0 {
		return body, nil
	}
	c := compress.Compression(codec).Codec()
	if c == nil {
		return nil, fmt.Errorf("compression codec %d is unknown", codec)
	}
	stream := c.NewReader(bytes.NewReader(body))
	defer func() { _ = stream.Close() }()
	plain := make([]byte, 0, min(decompressionRate*len(body)+bytes.MinRead, maxDecompressed))
	for {
		n, err := stream.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
		if errors.Is(err, io.EOF) {
			return plain, nil
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
