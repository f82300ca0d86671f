package redis_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func connector(t *testing.T, addr string, options redis.Options) *redis.Connector {
	t.Helper()
	c, err := redis.NewConnector(redis.Config{Addr: []string{addr}}, options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// silent is a server that accepts and never answers.
func silent(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	return listener.Addr().String()
}

// However many wait for a Redis that says nothing, each waits no longer than its
// own context, and the timeout.
func TestWaitingIsBounded(t *testing.T) {
	c := connector(t, silent(t), redis.Options{Timeout: time.Second})
	started := time.Now()
	var callers sync.WaitGroup
	for i := range 10 {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100*i+50)*time.Millisecond)
			defer cancel()
			_, err := c.Client(ctx)
			assert.Error(t, err)
		})
	}
	callers.Wait()
	assert.Less(t, time.Since(started), 3*time.Second)
}

// One that answers late is connected to by whoever asks then, and all get the
// same client.
func TestConnectsWhenRedisIsUp(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	c := connector(t, server.Addr, redis.Options{Timeout: time.Second})
	_, err := c.Client(t.Context())
	require.ErrorContains(t, err, "connecting to Redis")
	server.Restart()
	first, err := c.Client(t.Context())
	require.NoError(t, err)
	second, err := c.Client(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

// A Redis that will not do for its role is refused, and said why.
func TestPolicyIsChecked(t *testing.T) {
	server := redistest.Start(t)
	refused := errors.New("not this one")
	c := connector(t, server.Addr, redis.Options{Timeout: time.Second, CheckPolicy: func(policy string) error {
		assert.Equal(t, "noeviction", policy)
		return refused
	}})
	_, err := c.Client(t.Context())
	require.ErrorIs(t, err, refused)
}

// Closing while a connection is under way leaves nothing behind; a later Client
// connects again.
func TestCloseWhileConnecting(t *testing.T) {
	c := connector(t, silent(t), redis.Options{Timeout: 300 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Client(ctx)
	require.Error(t, err)
	c.Close()
	_, err = c.Client(t.Context())
	require.Error(t, err)
}
