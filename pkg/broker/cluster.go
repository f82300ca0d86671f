package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// metadataTTL bounds how long a moved partition leader goes unnoticed: the
	// transport refreshes on time alone, not on NOT_LEADER.
	metadataTTL  = 2 * time.Second
	idleTimeout  = 30 * time.Second
	dropInterval = time.Second
	// keepAlive finds a peer that vanished without closing, within about 15 s.
	keepAliveIdle     = 5 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 2
)

// Cluster is one process's access to Kafka.
type Cluster struct {
	addresses []string
	transport *kafka.Transport
	client    *kafka.Client
	dialer    *kafka.Dialer

	mu        sync.Mutex
	droppedAt time.Time
}

// Open prepares access as cfg says, without connecting. Its errors are those of
// certificate files and credentials.
func Open(cfg Config) (*Cluster, error) {
	encryption, err := cfg.TLS.Build()
	if err != nil {
		return nil, fmt.Errorf("preparing TLS for Kafka: %w", err)
	}
	login, err := cfg.SASL.build()
	if err != nil {
		return nil, fmt.Errorf("preparing the login at Kafka: %w", err)
	}
	dial := (&net.Dialer{Timeout: cfg.DialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
	}}).DialContext
	transport := &kafka.Transport{
		Dial:        dial,
		DialTimeout: cfg.DialTimeout,
		IdleTimeout: idleTimeout,
		MetadataTTL: metadataTTL,
		ClientID:    cfg.ClientID,
		TLS:         encryption,
		SASL:        login,
	}
	return &Cluster{
		addresses: slices.Clone(cfg.Brokers),
		transport: transport,
		client:    &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: cfg.Timeout, Transport: transport},
		dialer: &kafka.Dialer{
			ClientID:      cfg.ClientID,
			Timeout:       cfg.DialTimeout,
			DialFunc:      dial,
			TLS:           encryption,
			SASLMechanism: login,
		},
	}, nil
}

// Addresses returns the brokers to start from, as configured.
func (c *Cluster) Addresses() []string { return slices.Clone(c.addresses) }

// Client returns the shared client; its requests end after Config.Timeout.
func (c *Cluster) Client() *kafka.Client { return c.client }

// Transport returns the shared transport, for requests the client lacks. They
// need a context with a deadline: the transport itself has none.
func (c *Cluster) Transport() *kafka.Transport { return c.transport }

// Dialer returns the dialer for kafka.ConsumerGroup, which keeps a connection of
// its own for each generation.
func (c *Cluster) Dialer() *kafka.Dialer { return c.dialer }

// Close closes the connections that are idle, and the others once they are.
func (c *Cluster) Close() { c.transport.CloseIdleConnections() }

// Drop closes the connections that are idle, at most once a second. It is for
// after a request that failed on its connection: when a broker has restarted, each
// idle connection to it would fail one more request.
func (c *Cluster) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.droppedAt) < dropInterval {
		return
	}
	c.droppedAt = time.Now()
	c.transport.CloseIdleConnections()
}

// Ping returns when a broker has told what the cluster consists of, or ctx ends.
func (c *Cluster) Ping(ctx context.Context) error {
	metadata, err := c.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return err
	}
	if len(metadata.Brokers) == 0 {
		return errors.New("the cluster has no brokers")
	}
	return nil
}
