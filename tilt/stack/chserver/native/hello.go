package native

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
)

// user is the only one the engine has; it has no password.
const user = "default"

type hello struct {
	revision                 int
	database, user, password string
}

// handshake answers the hello and opens the client's session.
func (c *connection) handshake() error {
	code, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	if code == 'G' || code == 'P' {
		return c.refuseHTTP()
	}
	if proto.ClientCode(code) != proto.ClientCodeHello {
		return unexpectedPacket(code)
	}
	h, err := c.readHello()
	if err != nil {
		return err
	}
	if h.user != user || h.password != "" {
		return &engine.Exception{
			Code: int32(proto.ErrAuthenticationFailed), Name: "AUTHENTICATION_FAILED",
			Message: h.user + ": Authentication failed: password is incorrect, or there is no user with such name",
		}
	}
	if h.database == "" {
		h.database = c.deps.Database
	}
	if c.session, err = c.deps.Engine.NewSession(h.database); err != nil {
		return err
	}
	c.revision = min(h.revision, Revision)
	c.reframer = block.NewReframer(c.revision)
	c.sendHello(h.revision)
	if err := c.out.flush(); err != nil {
		return err
	}
	f := &fields{in: c.in}
	if proto.FeatureAddendum.In(c.revision) {
		f.text() // quota key
	}
	return f.err
}

func (c *connection) readHello() (hello, error) {
	f := &fields{in: c.in}
	f.text()   // name of the client
	f.varint() // major and minor version
	f.varint()
	h := hello{revision: int(min(f.varint(), 1<<31))}
	h.database, h.user, h.password = f.text(), f.text(), f.text()
	if f.err != nil {
		return h, fmt.Errorf("reading hello: %w", f.err)
	}
	if h.revision < oldest {
		return h, &engine.Exception{
			Code: int32(proto.ErrNotImplemented), Name: "NOT_IMPLEMENTED",
			Message: fmt.Sprintf("Clients of protocol revision %d are not supported, the oldest is %d", h.revision, oldest),
		}
	}
	return h, nil
}

func (c *connection) sendHello(revision int) {
	major, minor, patch := versionNumbers(c.deps.Engine.Version())
	answer := proto.ServerHello{
		Name: "ClickHouse", Major: major, Minor: minor, Patch: patch, Revision: Revision,
		Timezone: c.deps.Engine.Timezone(), DisplayName: "nova",
	}
	answer.EncodeAware(&c.out.buffer, revision)
}

func versionNumbers(version string) (major, minor, patch int) {
	var numbers [3]int
	for i, part := range strings.SplitN(version, ".", 4) {
		if i < len(numbers) {
			// What is no number stays 0; the version is for display.
			numbers[i], _ = strconv.Atoi(part)
		}
	}
	return numbers[0], numbers[1], numbers[2]
}

// refuseHTTP answers a client that has mistaken the port.
func (c *connection) refuseHTTP() error {
	const body = "This is the port of ClickHouse's native protocol. Use the HTTP port for HTTP.\r\n"
	c.out.buffer.PutRaw([]byte("HTTP/1.0 400 Bad Request\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body))
	return errors.Join(errors.New("client speaks HTTP"), c.out.flush())
}
