package native

import (
	"fmt"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
)

// sendTimeout is ClickHouse's default for a client that does not read.
const sendTimeout = 300 * time.Second

// frameBytes is how much of a block is compressed together.
const frameBytes = 1 << 20

// packets gathers packets for a client until they are flushed.
type packets struct {
	socket      net.Conn
	buffer      proto.Buffer
	compression compress.Method // of blocks in this query
	writers     map[compress.Method]*compress.Writer
}

// unframed says that blocks travel without compression frames.
const unframed = compress.Method(0xff)

func (p *packets) flush() error {
	defer p.buffer.Reset()
	if err := p.socket.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("sending to client: %w", err)
	}
	if _, err := p.socket.Write(p.buffer.Buf); err != nil {
		return fmt.Errorf("sending to client: %w", err)
	}
	return nil
}

func (p *packets) code(code proto.ServerCode) { code.Encode(&p.buffer) }

func (p *packets) exception(e *engine.Exception) {
	p.code(proto.ServerCodeException)
	(&proto.Exception{Code: proto.Error(e.Code), Name: "DB::Exception", Message: "DB::Exception: " + e.Message}).EncodeAware(&p.buffer, 0)
}

func (p *packets) progress(progress proto.Progress, revision int) {
	p.code(proto.ServerCodeProgress)
	progress.EncodeAware(&p.buffer, revision)
}

func (p *packets) profile(profile proto.Profile, revision int) {
	profile.EncodeAware(&p.buffer, revision)
}

// block adds a Data packet with a block that is framed for the protocol.
func (p *packets) block(block []byte) error {
	p.code(proto.ServerCodeData)
	p.buffer.PutString("") // name of a temporary table
	if p.compression == unframed {
		p.buffer.PutRaw(block)
		return nil
	}
	writer := p.writer()
	for len(block) > 0 {
		n := min(len(block), frameBytes)
		if err := writer.Compress(block[:n]); err != nil {
			return fmt.Errorf("compressing block: %w", err)
		}
		p.buffer.PutRaw(writer.Data)
		block = block[n:]
	}
	return nil
}

func (p *packets) writer() *compress.Writer {
	writer, ok := p.writers[p.compression]
	if !ok {
		writer = compress.NewWriter(compress.LevelZero, p.compression)
		if p.writers == nil {
			p.writers = map[compress.Method]*compress.Writer{}
		}
		p.writers[p.compression] = writer
	}
	return writer
}
