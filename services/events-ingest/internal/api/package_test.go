package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userID = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0001"
	postID = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0002"
	good   = `{"ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID + `","action":"view"}`
	batch  = `{"events":[` + good + `]}`
	now    = 1764000000000

	typeJSON     = "application/json"
	typeProtobuf = "application/x-protobuf"
)

// kafka takes records, or fails as it is told.
type kafka struct {
	mu      sync.Mutex
	records []producer.Record
	fail    error
	publish func(ctx context.Context) error
}

func (k *kafka) Publish(ctx context.Context, records ...producer.Record) error {
	if k.publish != nil {
		return k.publish(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	k.records = append(k.records, records...)
	return nil
}

// health keeps what it is told.
type health struct {
	mu       sync.Mutex
	degraded map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, part)
}

// fixture is the API, of which every answer is held against the document.
type fixture struct {
	*api.Handler
	kafka  *kafka
	health *health
	log    *bytes.Buffer
}

func config() api.Config {
	return api.Config{
		Addr: "127.0.0.1:0", MaxBodyBytes: 4000, MaxEvents: 3, MaxConcurrent: 10, MaxConnections: 10, MaxBytesInFlight: 40_000,
		MaxEventAge: 23*time.Hour + 50*time.Minute, MaxEventAhead: 5 * time.Minute,
		ReadTimeout: time.Second, PublishTimeout: time.Second, IdleTimeout: time.Second,
	}
}

func deps(kafka api.Publisher, health api.Health, log io.Writer) api.Deps {
	return api.Deps{
		Topic: "events", Publisher: kafka, Health: health,
		Log: slog.New(slog.NewTextHandler(log, nil)), Meter: noop.Meter{},
		Now: func() time.Time { return time.UnixMilli(now) },
	}
}

func newFixture(t *testing.T, changes ...func(*api.Config)) *fixture {
	t.Helper()
	cfg := config()
	for _, change := range changes {
		change(&cfg)
	}
	f := &fixture{kafka: &kafka{}, health: &health{degraded: map[string]string{}}, log: &bytes.Buffer{}}
	handler, err := api.NewHandler(cfg, deps(f.kafka, f.health, f.log))
	require.NoError(t, err)
	f.Handler = handler
	return f
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send answers a request and holds the answer against the document.
func (f *fixture) send(t *testing.T, request *http.Request) answer {
	t.Helper()
	var sent bytes.Buffer
	request.Body = io.NopCloser(io.TeeReader(request.Body, &sent))
	got := f.serveOne(request)
	holdAgainstDocument(t, request, sent.Bytes(), got)
	return got
}

// serveOne is send for any goroutine: it holds nothing against the document.
func (f *fixture) serveOne(request *http.Request) answer {
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, request)
	return answer{status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.String()}
}

func newRequest(t *testing.T, method, path, contentType, body string) *http.Request {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request
}

func (f *fixture) post(t *testing.T, body string) answer {
	t.Helper()
	return f.send(t, newRequest(t, http.MethodPost, "/v1/events", typeJSON, body))
}

// compressed is text as one gzip member.
func compressed(tb testing.TB, text string) string {
	tb.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, err := writer.Write([]byte(text))
	require.NoError(tb, err)
	require.NoError(tb, writer.Close())
	return buffer.String()
}
