package native

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// run is one query under way.
type run struct {
	*connection
	query   query
	started time.Time
	sent    engine.Stats // what progress has been told
	allRead bool         // the client's last block has come
	broken  bool         // the next packet cannot be found
	// isRefused is set while an INSERT has not told its columns to the client.
	isRefused bool
}

// answer executes the query. An *engine.Exception is what the client is to be
// told, every other error is the connection's.
func (r *run) answer(ctx context.Context) error {
	if err := r.refuseTables(); err != nil {
		return err
	}
	if !statement.IsSingle(r.query.body) {
		return &engine.Exception{
			Code: int32(proto.ErrSyntaxError), Name: "SYNTAX_ERROR",
			Message: "Syntax error (Multi-statements are not allowed)",
		}
	}
	if insert, ok := statement.ParseInsert(r.query.body); ok && insert.Inline == "" {
		return r.insert(ctx, insert)
	}
	return r.execute(ctx)
}

// refuseTables reads the temporary tables that come with a query, which must
// be none, up to the block that ends them.
func (r *run) refuseTables() error {
	header, err := r.readPacketBlock()
	if err != nil {
		return err
	}
	if header.IsEnd() {
		r.allRead = true
		return nil
	}
	return &engine.Exception{
		Code: int32(proto.ErrNotImplemented), Name: "NOT_IMPLEMENTED",
		Message: "External tables are not supported by the embedded server",
	}
}

// errCancelled says that the client has cancelled while blocks were expected.
var errCancelled = errors.New("client has cancelled")

// readPacketBlock waits for a Data packet and reads its block into r.rows. The
// empty block sets allRead.
func (r *run) readPacketBlock() (block.Header, error) {
	if err := r.awaitData(); err != nil {
		return block.Header{}, err
	}
	return r.readBlock()
}

// awaitData reads packets up to the code of a Data packet.
func (r *run) awaitData() error {
	for {
		code, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		switch proto.ClientCode(code) {
		case proto.ClientCodeData:
			return nil
		case proto.ClientCodePing:
			if err := r.pong(); err != nil {
				return err
			}
		case proto.ClientCodeCancel:
			r.allRead = true
			return errCancelled
		case proto.ClientCodeQuery, proto.ClientCodeHello:
			r.broken = true
			return unexpectedPacket(code)
		default:
			r.broken = true
			return unknownPacket(code)
		}
	}
}

// readBlock reads a Data packet behind its code.
func (r *run) readBlock() (block.Header, error) {
	f := &fields{in: r.in}
	f.text() // name of a temporary table
	if f.err != nil {
		return block.Header{}, fmt.Errorf("reading block: %w", f.err)
	}
	source := r.in
	if r.query.compressed {
		source = r.frames
	}
	rows, header, err := r.reframer.FromClient(r.rows[:0], source)
	if err == nil && r.query.compressed && r.frames.Buffered() > 0 {
		err = errors.New("there is more in its frames")
	}
	if err != nil {
		return block.Header{}, r.badBlock(err)
	}
	r.rows = rows
	r.allRead = header.IsEnd()
	return header, nil
}

// badBlock is the exception for a block that cannot be read; where the next
// packet starts is not known then.
func (r *run) badBlock(err error) error {
	r.broken = true
	var unsupported *block.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		return &engine.Exception{Code: int32(proto.ErrNotImplemented), Name: "NOT_IMPLEMENTED", Message: unsupported.Error()}
	}
	return &engine.Exception{Code: int32(proto.ErrIncorrectData), Name: "INCORRECT_DATA", Message: fmt.Sprintf("Block cannot be read: %v", err)}
}

// skipBlocks passes the blocks that a client has sent, or goes on to send,
// after its query has failed.
func (r *run) skipBlocks() error {
	for !r.allRead {
		if _, err := r.readPacketBlock(); errors.Is(err, errCancelled) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// endOfStream ends a query that has worked.
func (r *run) endOfStream() error {
	r.out.code(proto.ServerCodeEndOfStream)
	return r.out.flush()
}

// progress tells what has been read and written since it last did.
func (r *run) progress(stats engine.Stats) {
	r.out.progress(proto.Progress{
		Rows: stats.ReadRows - r.sent.ReadRows, Bytes: stats.ReadBytes - r.sent.ReadBytes,
		WroteRows: stats.WrittenRows - r.sent.WrittenRows, WroteBytes: stats.WrittenBytes - r.sent.WrittenBytes,
		ElapsedNs: uint64(time.Since(r.started)),
	}, r.revision)
	r.sent = stats
}
