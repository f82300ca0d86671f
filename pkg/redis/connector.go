package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// oldestVersion is the first major version whose SET takes NX and GET together.
const oldestVersion = 7

// Options is what a role asks for.
type Options struct {
	// ClientName is how CLIENT LIST shows the connections.
	ClientName string
	// Timeout bounds connecting, and how long a command may take to be written.
	Timeout time.Duration
	// CheckPolicy refuses a maxmemory-policy; nil takes any.
	CheckPolicy func(policy string) error
}

// Connector makes the client of one role.
type Connector struct {
	client  rueidis.ClientOption
	options Options

	mu        sync.Mutex
	connected rueidis.Client
	isClosed  bool
	// attempt is the one under way, nil if none is: all callers wait for it.
	attempt *attempt
}

// attempt is one try to connect.
type attempt struct {
	done   chan struct{} // closed when client or err is set
	client rueidis.Client
	err    error
}

// NewConnector prepares a Connector. Its errors are those of certificate files.
func NewConnector(cfg Config, options Options) (*Connector, error) {
	encryption, err := cfg.TLS.Build()
	if err != nil {
		return nil, fmt.Errorf("preparing TLS for Redis: %w", err)
	}
	return &Connector{client: clientOptions(cfg, options, encryption), options: options}, nil
}

func clientOptions(cfg Config, options Options, encryption *tls.Config) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: options.Timeout}
	client := rueidis.ClientOption{
		InitAddress:      cfg.Addr,
		Username:         cfg.Username,
		Password:         cfg.Password.Reveal(),
		ClientName:       options.ClientName,
		TLSConfig:        encryption,
		Dialer:           dialer,
		ConnWriteTimeout: options.Timeout,
		DisableCache:     true,
	}
	if cfg.SentinelMaster != "" {
		client.Sentinel = rueidis.SentinelOption{
			MasterSet: cfg.SentinelMaster, TLSConfig: encryption, Dialer: dialer,
			Username: cfg.Username, Password: cfg.Password.Reveal(),
		}
	}
	return client
}

// Client returns the client, connected once. It belongs to the Connector. Waiting
// for a connection ends with ctx, and after Options.Timeout.
func (c *Connector) Client(ctx context.Context) (rueidis.Client, error) {
	connected, trying := c.begin(ctx)
	if connected != nil {
		return connected, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	select {
	case <-trying.done:
		return trying.client, trying.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connecting to Redis: %w", ctx.Err())
	}
}

// begin returns the client, or else the attempt under way, a new one if none is.
func (c *Connector) begin(ctx context.Context) (rueidis.Client, *attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected != nil {
		return c.connected, nil
	}
	c.isClosed = false
	if c.attempt == nil {
		c.attempt = &attempt{done: make(chan struct{})}
		go c.try(context.WithoutCancel(ctx), c.attempt)
	}
	return nil, c.attempt
}

// try connects. It outlives callers that give up, since rueidis takes no context
// for it, and ends within a few times Options.Timeout.
func (c *Connector) try(ctx context.Context, a *attempt) {
	client, err := c.connect(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.isClosed {
		client.Close()
		client, err = nil, errClosed
	}
	a.client, a.err = client, err
	c.connected, c.attempt = client, nil
	close(a.done)
}

func (c *Connector) connect(ctx context.Context) (rueidis.Client, error) {
	client, err := rueidis.NewClient(c.client)
	if err != nil {
		return nil, fmt.Errorf("connecting to Redis: %w", err)
	}
	if err := c.checkAll(ctx, client); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// checkAll checks every node that answers, all at once. One that does not may be a
// replica; a master that is away shows in the commands for it.
func (c *Connector) checkAll(ctx context.Context, client rueidis.Client) error {
	type answer struct {
		address, info string
		err           error
	}
	nodes := client.Nodes()
	answers := make(chan answer, len(nodes))
	for address, node := range nodes {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
			defer cancel()
			info, err := node.Do(ctx, node.B().Info().Build()).ToString()
			answers <- answer{address, info, err}
		}()
	}
	var refused, unanswered []error
	for range nodes {
		a := <-answers
		switch {
		case a.err != nil:
			unanswered = append(unanswered, fmt.Errorf("checking Redis at %s: %w", a.address, a.err))
		default:
			if err := c.check(a.info); err != nil {
				refused = append(refused, fmt.Errorf("checking Redis at %s: %w", a.address, err))
			}
		}
	}
	if len(refused) == 0 && len(unanswered) == len(nodes) {
		return errors.Join(unanswered...)
	}
	return errors.Join(refused...)
}

// check refuses a node that will not do, by what INFO says: CONFIG is often
// forbidden.
func (c *Connector) check(info string) error {
	version := infoField(info, "redis_version")
	major, _, _ := strings.Cut(version, ".")
	if number, err := strconv.Atoi(major); err != nil || number < oldestVersion {
		return fmt.Errorf("version %q is below %d", version, oldestVersion)
	}
	if c.options.CheckPolicy == nil {
		return nil
	}
	return c.options.CheckPolicy(infoField(info, "maxmemory_policy"))
}

func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// errClosed is what those get who wait for a connection when the Connector is
// closed.
var errClosed = errors.New("connecting to Redis: closed meanwhile")

// Close closes the connections. A later Client connects again.
func (c *Connector) Close() {
	c.mu.Lock()
	connected, trying := c.connected, c.attempt
	c.connected, c.isClosed = nil, true
	c.mu.Unlock()
	if connected != nil {
		connected.Close()
	}
	if trying != nil {
		<-trying.done
	}
}
