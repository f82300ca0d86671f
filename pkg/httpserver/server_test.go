package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(addr string) httpserver.Settings {
	return httpserver.Settings{
		Name: "test API", Addr: addr, Variable: "HTTP_ADDR",
		ReadTimeout: time.Second, AnswerTimeout: time.Second, IdleTimeout: time.Second,
	}
}

// listen returns a server on a free port, and its address.
func listen(t *testing.T, handler http.HandlerFunc) (server *httpserver.Server, addr string) {
	t.Helper()
	var log bytes.Buffer
	server, err := httpserver.Listen(t.Context(), settings("127.0.0.1:0"), handler, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	var line struct{ Addr string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	return server, line.Addr
}

// A port that is in use is an error at once, which names the API and the variable.
func TestPortInUse(t *testing.T) {
	server, addr := listen(t, nil)
	_, err := httpserver.Listen(t.Context(), settings(addr), nil, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "listening for the test API (HTTP_ADDR)")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, server.Run(ctx))
}

// A request that is under way when the service stops gets its answer; new ones
// are not taken.
func TestRequestsAreFinished(t *testing.T) {
	reading, release := make(chan struct{}), make(chan struct{})
	server, addr := listen(t, func(w http.ResponseWriter, _ *http.Request) {
		close(reading)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answered := make(chan string, 1)
	go func() {
		response, err := client.Get("http://" + addr)
		if !assert.NoError(t, err) {
			answered <- ""
			return
		}
		body, err := io.ReadAll(response.Body)
		assert.NoError(t, errors.Join(err, response.Body.Close()))
		answered <- string(body)
	}()
	<-reading
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
	assert.Equal(t, "done", <-answered)
	assert.NoError(t, <-stopped)
}

// A request that takes longer than the drain may is cut off, and the error says
// so.
func TestDrainIsBounded(t *testing.T) {
	reading, release := make(chan struct{}), make(chan struct{})
	short := settings("127.0.0.1:0")
	short.ReadTimeout, short.AnswerTimeout = 20*time.Millisecond, 20*time.Millisecond
	var log bytes.Buffer
	server, err := httpserver.Listen(t.Context(), short, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reading)
		<-release
	}), slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	var line struct{ Addr string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answered := make(chan error, 1)
	go func() {
		response, err := client.Get("http://" + line.Addr)
		if err == nil {
			err = errors.Join(errors.New("answered"), response.Body.Close())
		}
		answered <- err
	}()
	<-reading
	stop()
	require.ErrorContains(t, <-stopped, "finishing requests")
	require.NotContains(t, (<-answered).Error(), "answered")
	close(release)
}

// More connections than may be wait until one of them is closed.
func TestConnectionsAreBounded(t *testing.T) {
	few := settings("127.0.0.1:0")
	few.MaxConnections = 1
	var log bytes.Buffer
	server, err := httpserver.Listen(t.Context(), few, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "answered")
	}), slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	var line struct{ Addr string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()

	var dialer net.Dialer
	first, err := dialer.DialContext(t.Context(), "tcp", line.Addr)
	require.NoError(t, err)
	_, err = io.WriteString(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	answer := make([]byte, 12)
	_, err = io.ReadFull(first, answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200", string(answer))

	second, err := dialer.DialContext(t.Context(), "tcp", line.Addr)
	require.NoError(t, err)
	defer func() { assert.NoError(t, second.Close()) }()
	_, err = io.WriteString(second, "GET / HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, second.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = second.Read(answer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, first.Close())
	require.NoError(t, second.SetReadDeadline(time.Time{}))
	_, err = io.ReadFull(second, answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.0 200", string(answer))
	stop()
	assert.NoError(t, <-stopped)
}

// A handler that panics is in the log for everybody to see.
func TestPanicsAreTold(t *testing.T) {
	var log lines
	server, err := httpserver.Listen(t.Context(), settings("127.0.0.1:0"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("index out of range")
	}), slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	_, addr, _ := strings.Cut(strings.TrimSpace(log.String()), " addr=")
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	require.Error(t, err)
	stop()
	require.NoError(t, <-stopped)
	assert.Contains(t, log.String(), "level=ERROR")
	assert.Contains(t, log.String(), "index out of range")
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
