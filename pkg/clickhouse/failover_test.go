package clickhouse_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/tlsclient"
	"github.com/nova-data/nova/pkg/tlsclient/tlstest"
)

// serveBadly listens, hands each connection to answer, and closes it when the test
// ends.
func serveBadly(t *testing.T, answer func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		open    []net.Conn
	)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() { answer(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

// refuseLogin answers a hello as a server that does not know the password.
func refuseLogin(conn net.Conn) {
	if _, err := bufio.NewReader(conn).ReadByte(); err != nil {
		return
	}
	var answer proto.Buffer
	answer.PutUVarInt(uint64(proto.ServerCodeException))
	exception := proto.Exception{Code: proto.ErrAuthenticationFailed, Name: "DB::Exception", Message: "nova: Authentication failed"}
	exception.EncodeAware(&answer, proto.Version)
	_, _ = conn.Write(answer.Buf)
}

// TestAddressThatAnswersBadlyIsPassedOver holds that an address which takes the
// connection and then does not serve costs one attempt: it closes, is silent, speaks
// something else, or refuses the login.
func TestAddressThatAnswersBadlyIsPassedOver(t *testing.T) {
	server := chtest.Start(t)
	bad := map[string]func(net.Conn){
		"closes":            func(conn net.Conn) { _ = conn.Close() },
		"silent":            func(net.Conn) {},
		"something else":    func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"refuses the login": refuseLogin,
	}
	for name, answer := range bad {
		t.Run(name, func(t *testing.T) {
			address := serveBadly(t, answer)
			quick := func(cfg *clickhouse.Config) { cfg.DialTimeout = 300 * time.Millisecond }
			pool := open(t, func(cfg *clickhouse.Config) { quick(cfg); cfg.MaxConns = 1 }, address, server.Addr)
			require.NoError(t, pool.Ping(t.Context()))
			require.Error(t, open(t, quick, address).Ping(t.Context()))
		})
	}
}

// TestRefusedTLSIsPassedOver holds the same for an address whose certificate is not
// to be trusted.
func TestRefusedTLSIsPassedOver(t *testing.T) {
	server := chtest.Start(t)
	serve := func(files tlstest.Files) *relay {
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{files.Server}, MinVersion: tls.VersionTLS12})
		require.NoError(t, err)
		return serveRelay(t, listener, server.Addr)
	}
	ours := tlstest.Make(t, "127.0.0.1")
	strange, trusted := serve(tlstest.Make(t, "127.0.0.1")), serve(ours)
	pool := open(t, func(cfg *clickhouse.Config) { cfg.TLS = tlsclient.Config{Enabled: true, CAFile: ours.CAFile} }, strange.address, trusted.address)
	require.NoError(t, pool.Ping(t.Context()))
	assert.Equal(t, 1, trusted.accepted())
}

// TestFailureOfAllAddressesIsTheMostHopeful holds that a login which one address
// refuses is the operator's business only when no other address may come back.
func TestFailureOfAllAddressesIsTheMostHopeful(t *testing.T) {
	refusing, closing := serveBadly(t, refuseLogin), serveBadly(t, func(conn net.Conn) { _ = conn.Close() })
	for _, addresses := range [][]string{{refusing, closing}, {closing, refusing}} {
		err := open(t, unchanged, addresses...).Ping(t.Context())
		assert.True(t, clickhouse.IsInfrastructure(err), err)
		require.ErrorContains(t, err, "Authentication failed")
		require.ErrorContains(t, err, closing)
	}
	err := open(t, unchanged, refusing, refusing).Ping(t.Context())
	assert.Equal(t, clickhouse.Access, clickhouse.ClassOf(err))
}

// TestIsInfrastructure holds what a breaker is to count: what passes by itself, and
// neither data, nor a schema, nor the caller's own end.
func TestIsInfrastructure(t *testing.T) {
	server := chtest.Start(t)
	pool := open(t, unchanged, server.Addr)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.False(t, clickhouse.IsInfrastructure(nil))
	assert.False(t, clickhouse.IsInfrastructure(errors.New("a caller's")))
	assert.False(t, clickhouse.IsInfrastructure(pool.Ping(cancelled)))
	assert.False(t, clickhouse.IsInfrastructure(pool.Exec(t.Context(), "SELECT * FROM absent", nil)))
	assert.False(t, clickhouse.IsInfrastructure(pool.Exec(t.Context(), "SELECT toUInt8('x')", nil)))
	assert.True(t, clickhouse.IsInfrastructure(pool.Exec(t.Context(), "SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000", nil)))
	server.Kill()
	assert.True(t, clickhouse.IsInfrastructure(pool.Ping(t.Context())))
}

// TestWriterGoesThroughItsBreaker holds that an open breaker keeps every call from
// the server and passes its reason on, and that the batch is stored when it closes.
func TestWriterGoesThroughItsBreaker(t *testing.T) {
	health := ignorant{}
	guard, err := breaker.New(breaker.Config{Failures: 3, Successes: 1, Delay: 50 * time.Millisecond}, breaker.Deps{
		Name: "ClickHouse", IsFailure: clickhouse.IsInfrastructure, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}, Health: health,
	})
	require.NoError(t, err)
	s := newStore(t, chtest.Start(t), func(deps *clickhouse.WriterDeps) { deps.Breaker = guard })
	storing := s.Begin(named("t", likes(0, 10, 1)), time.Now(), eventKey())
	s.server.Fault(chtest.Fault{Action: "exception", Code: 241, Count: 3})
	for range 3 {
		err := storing.Try(t.Context())
		assert.Equal(t, clickhouse.Overload, clickhouse.ClassOf(err))
	}
	err = storing.Try(t.Context())
	require.ErrorIs(t, err, breaker.ErrOpen)
	assert.Equal(t, clickhouse.Transient, clickhouse.ClassOf(err))
	_, err = s.Refused(t.Context(), named("t", likes(0, 10, 1)))
	require.ErrorIs(t, err, breaker.ErrOpen)
	_, err = s.Holds(t.Context(), "post_events", "events", 1)
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.ErrorIs(t, s.CheckWindows(t.Context(), "post_events"), breaker.ErrOpen)
	require.Eventually(t, func() bool { return storing.Try(t.Context()) == nil }, patience, 10*time.Millisecond)
	s.requireStored(10, 10, 10)
}

// ignorant takes no note of health.
type ignorant struct{}

func (ignorant) Degraded(string, string) {}
func (ignorant) Healthy(string)          {}
