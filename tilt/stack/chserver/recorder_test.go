package chserver_test

import (
	"context"
	"io"
	"net"
)

// recorder dials connections whose sent bytes it writes down.
type recorder struct{ to io.Writer }

func (r recorder) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, network, address)
	return recorded{Conn: socket, to: r.to}, err
}

type recorded struct {
	net.Conn
	to io.Writer
}

func (r recorded) Write(b []byte) (int, error) {
	if _, err := r.to.Write(b); err != nil {
		return 0, err
	}
	return r.Conn.Write(b)
}
