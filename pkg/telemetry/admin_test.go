package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/telemetry"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) first() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, _, _ := bytes.Cut(b.buffer.Bytes(), []byte("\n"))
	return bytes.Clone(line)
}

// admin is a running admin server.
type admin struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func serveAdmin(t *testing.T, tel *telemetry.Telemetry, log *lockedBuffer) admin {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	a := admin{stop: stop, done: make(chan error, 1)}
	go func() { a.done <- tel.ServeAdmin(ctx) }()
	require.Eventually(t, func() bool {
		var line struct{ Addr string }
		a.url = ""
		if json.Unmarshal(log.first(), &line) == nil && line.Addr != "" {
			a.url = "http://" + line.Addr
		}
		return a.url != ""
	}, 10*time.Second, time.Millisecond)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return a
}

func (a admin) get(path string) (string, error) {
	response, err := http.Get(a.url + path)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}

// A service adds its own operations to the admin server; a request under way when
// it ends is answered.
func TestServicesAddRoutes(t *testing.T) {
	var log lockedBuffer
	tel := newTelemetry(t, &log)
	held, release := make(chan struct{}), make(chan struct{})
	tel.HandleAdmin("GET /v1/things/{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(held)
		<-release
		_, _ = w.Write([]byte("thing " + r.PathValue("name")))
	}))
	server := serveAdmin(t, tel, &log)
	body, err := server.get("/livez")
	require.NoError(t, err)
	assert.Equal(t, "ok\n", body)

	answered := make(chan string, 1)
	go func() {
		body, err := server.get("/v1/things/seven")
		assert.NoError(t, err)
		answered <- body
	}()
	<-held
	server.stop()
	close(release)
	assert.Equal(t, "thing seven", <-answered)
	require.NoError(t, <-server.done)
}

// A request that takes for ever does not keep the service from ending.
func TestAdminEndsInTime(t *testing.T) {
	var log lockedBuffer
	tel := newTelemetry(t, &log)
	held := make(chan struct{})
	tel.HandleAdmin("GET /forever", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
	}))
	server := serveAdmin(t, tel, &log)
	cut := make(chan error, 1)
	go func() {
		_, err := server.get("/forever")
		cut <- err
	}()
	<-held
	started := time.Now()
	server.stop()
	require.NoError(t, <-server.done)
	assert.Less(t, time.Since(started), 5*time.Second)
	require.Error(t, <-cut)
}

// A pattern that is wrong, or taken, is an error of the start that names it.
func TestRoutesAreChecked(t *testing.T) {
	for _, pattern := range []string{"GET /metrics", "no slash", "GET /debug/pprof/"} {
		tel := newTelemetry(t, io.Discard)
		tel.HandleAdmin(pattern, http.NotFoundHandler())
		err := tel.ServeAdmin(t.Context())
		assert.ErrorContains(t, err, `adding "`+pattern+`" to the admin server`)
	}
}

// The admin server ends with its context, and a taken port is an error that
// names the variable.
func TestServeAdmin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, newTelemetry(t, io.Discard).ServeAdmin(ctx))

	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	tel, err := telemetry.New(telemetry.Config{}, telemetry.Deps{Service: "svc", AdminAddr: taken.Listener.Addr().String(), Output: io.Discard})
	require.NoError(t, err)
	require.ErrorContains(t, tel.ServeAdmin(t.Context()), "ADMIN_ADDR")
}

// What the server itself has to say is a line of the service's log.
func TestServerErrorsAreLogged(t *testing.T) {
	var log lockedBuffer
	tel := newTelemetry(t, &log)
	tel.HandleAdmin("GET /broken", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }))
	server := serveAdmin(t, tel, &log)
	_, err := server.get("/broken")
	require.Error(t, err)
	body, err := server.get("/readyz")
	require.NoError(t, err, "the others go on")
	assert.JSONEq(t, `{"status":"starting"}`, body)
	server.stop()
	require.NoError(t, <-server.done)
	log.mu.Lock()
	defer log.mu.Unlock()
	assert.Contains(t, log.buffer.String(), `"level":"WARN","msg":"http: panic serving`)
}
