package clickhouse

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/ClickHouse/ch-go"
)

const (
	keepAliveIdle     = 10 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
	// unacknowledgedTimeout is how long sent bytes may stay unacknowledged
	// before the kernel gives the connection up.
	unacknowledgedTimeout = 20 * time.Second
)

// connection is one session: it runs one query at a time.
type connection struct {
	client  *ch.Client
	socket  *socket
	address string
	idleAt  time.Time
	// serverStart is as session.serverStart says, once that was asked.
	serverStart time.Time
}

// dialer opens connections as the Config says.
type dialer struct {
	options    ch.Options
	encryption *tls.Config
	timeout    time.Duration
}

func newDialer(cfg Config) (*dialer, error) {
	encryption, err := cfg.TLS.Build()
	if err != nil {
		return nil, fmt.Errorf("preparing TLS for ClickHouse: %w", err)
	}
	compression, err := cfg.Compression.native()
	if err != nil {
		return nil, err
	}
	return &dialer{
		options: ch.Options{
			Database:         cfg.Database,
			User:             cfg.Username,
			Password:         cfg.Password.Reveal(),
			Compression:      compression,
			ClientName:       "nova",
			HandshakeTimeout: cfg.DialTimeout,
		},
		encryption: encryption,
		timeout:    cfg.DialTimeout,
	}, nil
}

// dial connects and logs in at address within the dial timeout.
func (d *dialer) dial(ctx context.Context, address string) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	plain, err := (&net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		Control: func(_, _ string, raw syscall.RawConn) error {
			return setUnacknowledgedTimeout(raw, unacknowledgedTimeout)
		},
	}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	socket := &socket{Conn: plain}
	secured, err := d.secure(ctx, socket, address)
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	client, err := ch.Connect(ctx, secured, d.options)
	if err != nil {
		_ = secured.Close()
		return nil, fmt.Errorf("logging in at %s: %w", address, err)
	}
	return &connection{client: client, socket: socket, address: address}, nil
}

func (d *dialer) secure(ctx context.Context, socket net.Conn, address string) (net.Conn, error) {
	if d.encryption == nil {
		return socket, nil
	}
	settings := d.encryption.Clone()
	if settings.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		settings.ServerName = host
	}
	secured := tls.Client(socket, settings)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("agreeing on TLS with %s: %w", address, err)
	}
	return secured, nil
}

// close ends the session; a client that ch-go closed already is no error.
func (c *connection) close() { _ = c.client.Close() }
