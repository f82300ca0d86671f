package consumer

import (
	"context"
	"net"
	"sync"

	"github.com/segmentio/kafka-go"
)

// connections are those of a group membership. The group's requests cannot be
// interrupted, and joining lasts as long as the slowest member: cutting the
// connections ends them.
type connections struct {
	mu   sync.Mutex
	open map[*connection]struct{}
}

// connection leaves its set when it is closed.
type connection struct {
	net.Conn

	owner *connections
}

// tracked returns a copy of dialer whose connections can be cut.
func (c *connections) tracked(dialer *kafka.Dialer) *kafka.Dialer {
	copied := *dialer
	copied.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		opened, err := dialer.DialFunc(ctx, network, address)
		if err != nil {
			return nil, err
		}
		tracked := &connection{Conn: opened, owner: c}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open == nil {
			c.open = map[*connection]struct{}{}
		}
		c.open[tracked] = struct{}{}
		return tracked, nil
	}
	return &copied
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.owner.mu.Lock()
	delete(c.owner.open, c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}

// cut closes the connections there are now; later ones are left alone.
func (c *connections) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for open := range c.open {
		_ = open.Conn.Close()
	}
}
