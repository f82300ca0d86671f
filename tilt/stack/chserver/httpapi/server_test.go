package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the interface over an engine of its own.
type server struct {
	t      *testing.T
	url    string
	client *http.Client
	engine *engine.Engine
	faults *fault.Plan
	exits  chan struct{} // one element for each planned end of the process
	stop   func()        // ends all queries, as the end of the server does
}

func newServer(t *testing.T) *server {
	t.Helper()
	t.Chdir(t.TempDir()) // the engine shows the working directory as a database
	library, err := engine.LibraryPath("")
	require.NoError(t, err)
	e, err := engine.Open(engine.Config{Library: library, DataDir: t.TempDir(), Database: "nova"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	s := &server{t: t, engine: e, faults: &fault.Plan{}, exits: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	h := httptest.NewUnstartedServer(New(Deps{Engine: e, Database: "nova", Faults: s.faults, Exit: func() { s.exits <- struct{}{} }, Log: log}))
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	h.Config.BaseContext = func(net.Listener) context.Context { return running }
	s.stop = stop
	h.Start()
	t.Cleanup(h.Close)
	s.url, s.client = h.URL, h.Client()
	return s
}

// answerOf is a response with its body read.
type answerOf struct {
	status int
	header http.Header
	body   string
}

func (a answerOf) code() string { return a.header.Get("X-ClickHouse-Exception-Code") }

// do sends a request whose URL has these names and values, one after the other.
func (s *server) do(method string, names []string, body io.Reader, headers ...string) answerOf {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(names); i += 2 {
		values.Set(names[i], names[i+1])
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/?"+values.Encode(), body)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answerOf{response.StatusCode, response.Header, string(text)}
}

// post runs a statement in the database nova, which must succeed.
func (s *server) post(sql string) string {
	s.t.Helper()
	answer := s.do(http.MethodPost, []string{"database", "nova"}, bytes.NewBufferString(sql))
	require.Equal(s.t, http.StatusOK, answer.status, answer.body)
	return answer.body
}

func gzipped(t *testing.T, text string) io.Reader {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &packed
}
