package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/httpserver"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

// slowBody is one that does not arrive before the connection's time limit.
type slowBody struct{}

func (slowBody) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func (slowBody) Close() error { return nil }

// More requests than may be in hand are told to come back at once, and there is
// room again as soon as one is done.
func TestConcurrencyIsBounded(t *testing.T) {
	f := newFixture(t, func(c *api.Config) { c.MaxConcurrent = 2 })
	publishing, release := make(chan struct{}), make(chan struct{})
	f.kafka.publish = func(context.Context) error {
		publishing <- struct{}{}
		<-release
		return nil
	}
	answered := make(chan answer, 2)
	for range 2 {
		go func() { answered <- f.serveOne(newRequest(t, http.MethodPost, "/v1/events", typeJSON, batch)) }()
		<-publishing
	}
	got := f.post(t, batch)
	assert.Equal(t, http.StatusTooManyRequests, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.Contains(t, got.body, "too many requests are in hand")
	close(release)
	assert.Equal(t, http.StatusAccepted, (<-answered).status)
	assert.Equal(t, http.StatusAccepted, (<-answered).status)
	f.kafka.publish = nil
	assert.Equal(t, http.StatusAccepted, f.post(t, batch).status)
}

// Bodies in hand are bounded by their bytes, of which refused and finished requests
// keep none, whatever their end.
func TestBytesInHandAreBounded(t *testing.T) {
	f := newFixture(t, func(c *api.Config) { c.MaxBytesInFlight = 4000 })
	padded := batch + strings.Repeat(" ", 2500-len(batch))
	publishing, release := make(chan struct{}), make(chan struct{})
	f.kafka.publish = func(context.Context) error {
		close(publishing)
		<-release
		return nil
	}
	answered := make(chan answer, 1)
	go func() { answered <- f.serveOne(newRequest(t, http.MethodPost, "/v1/events", typeJSON, padded)) }()
	<-publishing
	got := f.post(t, padded)
	assert.Equal(t, http.StatusTooManyRequests, got.status)
	assert.Contains(t, got.body, "too many bytes are in hand")
	bomb := newRequest(t, http.MethodPost, "/v1/events", typeJSON, compressed(t, padded))
	bomb.Header.Set("Content-Encoding", "gzip")
	assert.Equal(t, http.StatusTooManyRequests, f.send(t, bomb).status, "what counts is what it becomes")
	close(release)
	assert.Equal(t, http.StatusAccepted, (<-answered).status)

	f.kafka.publish = nil
	for range 10 {
		f.post(t, strings.Repeat("x", 3999))
		f.post(t, padded+strings.Repeat(" ", 4000))
	}
	assert.Equal(t, http.StatusAccepted, f.post(t, batch+strings.Repeat(" ", 4000-len(batch))).status, "nothing was kept")
}

// A compressed body is the body that it holds.
func TestCompressedBody(t *testing.T) {
	for _, encoding := range []string{"gzip", "x-gzip", "GZIP"} {
		f := newFixture(t)
		request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, compressed(t, batch+strings.Repeat(" ", 4000-len(batch))))
		request.Header.Set("Content-Encoding", encoding)
		assert.Equal(t, http.StatusAccepted, f.send(t, request).status)
		assert.Len(t, f.kafka.records, 1)
	}
	request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, batch)
	request.Header.Set("Content-Encoding", "br")
	assert.Equal(t, "gzip, identity", newFixture(t).send(t, request).header.Get("Accept-Encoding"))
}

// serve runs the API over a real server until the test ends.
func (f *fixture) serve(t *testing.T, settings httpserver.Settings) (addr string) {
	t.Helper()
	var log lastLine
	server, err := httpserver.Listen(t.Context(), settings, f, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-stopped)
	})
	return log.address(t)
}

// raw sends bytes on a connection of its own and returns all that comes back.
func raw(ctx context.Context, addr, sent string) (got string, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := io.WriteString(conn, sent); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// A body that does not arrive in time is answered 408, and its connection is closed.
func TestSlowBody(t *testing.T) {
	f := newFixture(t)
	settings := config().Server()
	settings.ReadTimeout = 100 * time.Millisecond
	addr := f.serve(t, settings)
	for name, headers := range map[string]string{
		"plain": "Content-Length: 500\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "gzip": "Content-Encoding: gzip\r\nContent-Length: 500\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := raw(t.Context(), addr, "POST /v1/events HTTP/1.1\r\nHost: nova\r\n"+headers+"\r\n")
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(got, "HTTP/1.1 408 Request Timeout\r\n"), got)
			assert.Contains(t, got, "\r\nConnection: close\r\n")
			assert.Contains(t, got, "the body did not arrive in time")
		})
	}
}

// The time limit for receiving ends with the body: a Kafka that answers later than
// it, within its own limit, has accepted the events.
func TestReadTimeoutEndsWithTheBody(t *testing.T) {
	f := newFixture(t)
	settings := config().Server()
	settings.ReadTimeout = 50 * time.Millisecond
	f.kafka.publish = func(ctx context.Context) error {
		select {
		case <-time.After(200 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	got, err := raw(t.Context(), f.serve(t, settings), "POST /v1/events HTTP/1.0\r\nContent-Length: "+length(batch)+"\r\n\r\n"+batch)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.0 202 Accepted\r\n"), got)
}

// Too many headers are told in the API's own form before the server cuts them off.
func TestLargeHeaders(t *testing.T) {
	addr := newFixture(t).serve(t, config().Server())
	got, err := raw(t.Context(), addr, "POST /v1/events HTTP/1.0\r\nCookie: "+strings.Repeat("x", 34<<10)+"\r\n\r\n")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.0 431 "), got[:100])
	assert.Contains(t, got, "application/problem+json")
}

// A request that is under way when the service stops gets its 202; new ones are
// not taken.
func TestServerFinishesRequests(t *testing.T) {
	f := newFixture(t)
	publishing, release := make(chan struct{}), make(chan struct{})
	f.kafka.publish = func(context.Context) error {
		close(publishing)
		<-release
		return nil
	}
	var log lastLine
	server, err := httpserver.Listen(t.Context(), config().Server(), f, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	addr := log.address(t)

	answered := make(chan string, 1)
	go func() {
		got, err := raw(t.Context(), addr, "POST /v1/events HTTP/1.0\r\nContent-Length: "+length(batch)+"\r\n\r\n"+batch)
		answered <- fmt.Sprint(got, err)
	}()
	<-publishing
	stop()
	require.Eventually(t, func() bool {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 5*time.Second, 5*time.Millisecond, "the port is closed")
	close(release)
	finished := <-answered
	assert.True(t, strings.HasPrefix(finished, "HTTP/1.0 202 Accepted\r\n"), finished)
	assert.NoError(t, <-stopped)
}

// A client that goes away while it sends costs nothing that is not given back.
func TestClientGoesWhileItSends(t *testing.T) {
	f := newFixture(t, func(c *api.Config) { c.MaxBytesInFlight = 4000 })
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.ServeHTTP(w, r)
		served.Add(1)
	}))
	defer server.Close()
	for range 5 {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: nova\r\nContent-Length: 4000\r\n\r\n"+strings.Repeat(" ", 3000))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return served.Load() == 5 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, http.StatusAccepted, f.post(t, batch+strings.Repeat(" ", 4000-len(batch))).status)
	assert.Empty(t, f.health.degraded)
}

// lastLine keeps the line that tells the address.
type lastLine struct{ strings.Builder }

func (l *lastLine) address(t *testing.T) string {
	t.Helper()
	var line struct{ Addr string }
	require.NoError(t, json.Unmarshal([]byte(l.String()), &line))
	return line.Addr
}
