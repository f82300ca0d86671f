package servicetest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// Migrate applies the schema to the ClickHouse server at an address, and returns
// a pool for it that is closed with the test.
func Migrate(tb testing.TB, address string) *clickhouse.Pool {
	tb.Helper()
	discard := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{address}, Database: "nova", Username: "default", Compression: clickhouse.LZ4,
		DialTimeout: 5 * time.Second, Timeout: time.Minute, MaxConns: 4,
	}, clickhouse.Deps{Log: discard, Meter: noop.Meter{}})
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = schema.New(schema.Config{PostEventsTTLDays: 400}, pool, discard).Apply(tb.Context())
	require.NoError(tb, err)
	return pool
}

// FreeAddress is an address of the loopback interface on which nobody listens.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(tb, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// Get returns the status, 0 without an answer, the headers and the body, which
// then is the reason. It leaves no connection open.
func Get(tb testing.TB, url string) (status int, header http.Header, body string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodGet, url, http.NoBody)
	require.NoError(tb, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: kafkatest.Patience}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return response.StatusCode, response.Header, string(text)
}
