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
