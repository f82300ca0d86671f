package native

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
)

// Revision is the newest revision of the protocol that is spoken; clients go
// back to it. From 54459 on there are query parameters.
const Revision = 54460

// oldest is the revision from which settings travel as text.
const oldest = 54429

// connection is a client's connection.
type connection struct {
	deps     Deps
	socket   net.Conn
	in       *bufio.Reader
	out      packets
	session  *engine.Session // from the hello on
	revision int
	reframer *block.Reframer

	frames *bufio.Reader // decompresses from in
	rows   []byte        // the block under way

	// refused is the last query, if it was an INSERT that failed before the
	// client was told its columns. ch-go may send the blocks all the same.
	refused *run
}

func newConnection(deps Deps, socket net.Conn) *connection {
	in := bufio.NewReaderSize(socket, 1<<17)
	return &connection{
		deps:   deps,
		socket: socket,
		in:     in,
		out:    packets{socket: socket},
		frames: bufio.NewReaderSize(compress.NewReader(in), 1<<16),
	}
}

func (c *connection) close() {
	_ = c.socket.Close()
	if c.session != nil {
		c.session.Close()
	}
}

func (c *connection) closeRead() {
	if tcp, ok := c.socket.(*net.TCPConn); ok {
		_ = tcp.CloseRead()
		return
	}
	_ = c.socket.SetReadDeadline(time.Now())
}

// run serves packets until the client goes or breaks the protocol, of which it
// is told if it can be.
func (c *connection) run(ctx context.Context) error {
	err := c.handshake()
	for err == nil {
		err = c.packet(ctx)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	var exception *engine.Exception
	if errors.As(err, &exception) {
		c.out.exception(exception)
		return errors.Join(err, c.out.flush())
	}
	return err
}

// packet serves what a client may send between queries.
func (c *connection) packet(ctx context.Context) error {
	code, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	switch proto.ClientCode(code) {
	case proto.ClientCodePing:
		return c.pong()
	case proto.ClientCodeCancel:
		return nil // of a query that had ended
	case proto.ClientCodeQuery:
		c.refused = nil
		return c.query(ctx)
	case proto.ClientCodeData:
		return c.strayBlock(code)
	case proto.ClientCodeHello:
		return unexpectedPacket(code)
	default:
		return unknownPacket(code)
	}
}

// strayBlock passes a block of an INSERT that has been refused, up to its last.
func (c *connection) strayBlock(code byte) error {
	if c.refused == nil {
		return unexpectedPacket(code)
	}
	if _, err := c.refused.readBlock(); err != nil {
		return err
	}
	if c.refused.allRead {
		c.refused = nil
	}
	return nil
}

func (c *connection) pong() error {
	c.out.code(proto.ServerCodePong)
	return c.out.flush()
}

// query reads a query and answers it. Its own failure is told to the client
// and is no error of the connection.
func (c *connection) query(ctx context.Context) error {
	q, err := c.readQuery()
	if err != nil {
		return err
	}
	c.out.compression = q.compression()
	r := &run{connection: c, query: q, started: time.Now()}
	err = r.answer(ctx)
	var exception *engine.Exception
	if !errors.As(err, &exception) {
		return err
	}
	c.out.exception(exception)
	if err := c.out.flush(); err != nil {
		return err
	}
	if r.broken || r.skipBlocks() != nil {
		// As with ClickHouse, there is no second exception.
		return errBroken
	}
	if r.isRefused {
		c.refused = r
	}
	return nil
}

// errBroken ends a connection on which packets can no longer be told apart,
// after its client has been told of a failure.
var errBroken = errors.New("client sent what cannot be read")

func unexpectedPacket(code byte) error {
	return &engine.Exception{
		Code: int32(proto.ErrUnexpectedPacketFromClient), Name: "UNEXPECTED_PACKET_FROM_CLIENT",
		Message: fmt.Sprintf("Unexpected packet %s received from client", proto.ClientCode(code)),
	}
}

func unknownPacket(code byte) error {
	return &engine.Exception{
		Code: int32(proto.ErrUnknownPacketFromClient), Name: "UNKNOWN_PACKET_FROM_CLIENT",
		Message: fmt.Sprintf("Unknown packet %d from client", code),
	}
}
