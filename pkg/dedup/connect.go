package dedup

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

// connector makes the client at its first use and at each later one until a
// Redis that will do has answered.
type connector struct {
	options       rueidis.ClientOption
	timeout       time.Duration
	allowEviction bool

	mu     sync.Mutex
	client rueidis.Client
}

func newConnector(redis Redis, cfg Config) (*connector, error) {
	encryption, err := redis.TLS.Build()
	if err != nil {
		return nil, fmt.Errorf("preparing TLS for Redis: %w", err)
	}
	return &connector{
		options:       clientOptions(redis, cfg.Timeout, encryption),
		timeout:       cfg.Timeout,
		allowEviction: cfg.AllowEviction,
	}, nil
}

func clientOptions(redis Redis, timeout time.Duration, encryption *tls.Config) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: timeout}
	options := rueidis.ClientOption{
		InitAddress:      redis.Addr,
		Username:         redis.Username,
		Password:         redis.Password.Reveal(),
		ClientName:       "nova-dedup",
		TLSConfig:        encryption,
		Dialer:           dialer,
		ConnWriteTimeout: timeout,
		DisableCache:     true,
	}
	if redis.SentinelMaster != "" {
		options.Sentinel = rueidis.SentinelOption{
			MasterSet: redis.SentinelMaster, TLSConfig: encryption, Dialer: dialer,
			Username: redis.Username, Password: redis.Password.Reveal(),
		}
	}
	return options
}

// connect returns the client, which reconnects by itself from then on.
func (c *connector) connect(ctx context.Context) (rueidis.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	client, err := rueidis.NewClient(c.options)
	if err != nil {
		return nil, fmt.Errorf("connecting to Redis: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for address, node := range client.Nodes() {
		if err := c.check(ctx, node); err != nil {
			client.Close()
			return nil, fmt.Errorf("checking Redis at %s: %w", address, err)
		}
	}
	c.client = client
	return client, nil
}

// check refuses a node that cannot keep claims. INFO tells all of it, where
// CONFIG is often forbidden.
func (c *connector) check(ctx context.Context, node rueidis.Client) error {
	info, err := node.Do(ctx, node.B().Info().Build()).ToString()
	if err != nil {
		return err
	}
	version := infoField(info, "redis_version")
	major, _, _ := strings.Cut(version, ".")
	if number, err := strconv.Atoi(major); err != nil || number < oldestVersion {
		return fmt.Errorf("version %q is below %d", version, oldestVersion)
	}
	policy := infoField(info, "maxmemory_policy")
	if policy != "noeviction" && !c.allowEviction {
		return fmt.Errorf("maxmemory-policy is %s, which evicts claims: set noeviction, or DEDUP_ALLOW_EVICTION=true", policy)
	}
	return nil
}

func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (c *connector) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}
