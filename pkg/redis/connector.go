package redis

import (
	"context"
	"crypto/tls"
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

// Client returns the client, connected once. It belongs to the Connector.
func (c *Connector) Client(ctx context.Context) (rueidis.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected != nil {
		return c.connected, nil
	}
	client, err := rueidis.NewClient(c.client)
	if err != nil {
		return nil, fmt.Errorf("connecting to Redis: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	for address, node := range client.Nodes() {
		if err := c.check(ctx, node); err != nil {
			client.Close()
			return nil, fmt.Errorf("checking Redis at %s: %w", address, err)
		}
	}
	c.connected = client
	return client, nil
}

// check refuses a node that will not do. INFO tells all of it, where CONFIG is
// often forbidden.
func (c *Connector) check(ctx context.Context, node rueidis.Client) error {
	info, err := node.Do(ctx, node.B().Info().Build()).ToString()
	if err != nil {
		return err
	}
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

// Close closes the connections. A later Client connects again.
func (c *Connector) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected != nil {
		c.connected.Close()
		c.connected = nil
	}
}
