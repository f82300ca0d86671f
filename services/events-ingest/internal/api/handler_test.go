package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/httpserver"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userID = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0001"
	postID = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0002"
	good   = `{"ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID + `","action":"view"}`
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

type fixture struct {
	*api.Handler
	kafka  *kafka
	health *health
	log    *bytes.Buffer
}

func config() api.Config {
	return api.Config{
		Addr: "127.0.0.1:0", MaxBodyBytes: 4000, MaxEvents: 3,
		MaxEventAge: 23*time.Hour + 50*time.Minute, MaxEventAhead: 5 * time.Minute,
		ReadTimeout: time.Second, PublishTimeout: time.Second, IdleTimeout: time.Second,
	}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{kafka: &kafka{}, health: &health{degraded: map[string]string{}}, log: &bytes.Buffer{}}
	handler, err := api.NewHandler(config(), api.Deps{
		Topic: "events", Publisher: f.kafka, Health: f.health,
		Log: slog.New(slog.NewTextHandler(f.log, nil)), Meter: noop.Meter{},
		Now: func() time.Time { return time.UnixMilli(1764000000000) },
	})
	require.NoError(t, err)
	f.Handler = handler
	return f
}

func (f *fixture) do(t *testing.T, method, path, contentType string, body io.Reader) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, body)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, request)
	return recorder.Result()
}

func (f *fixture) post(t *testing.T, body string) *http.Response {
	t.Helper()
	return f.do(t, http.MethodPost, "/v1/events", "application/json", strings.NewReader(body))
}

func text(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}

// What reaches Kafka is what consumers of every language rely on: key, headers,
// form, and the time of acceptance.
func TestRecordOnKafka(t *testing.T) {
	f := newFixture(t)
	response := f.post(t, `{"events":[`+good+`]}`)
	assert.Equal(t, http.StatusAccepted, response.StatusCode)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.JSONEq(t, `{"success":true,"count":1}`, text(t, response))

	require.Len(t, f.kafka.records, 1)
	record := f.kafka.records[0]
	assert.Equal(t, "events", record.Topic)
	assert.Equal(t, userID, string(record.Key))
	assert.Equal(t, time.UnixMilli(1764000000000), record.Time)
	assert.Equal(t, []producer.Header{
		{Key: "content-type", Value: []byte("application/x-protobuf")},
		{Key: "nova-schema", Value: []byte("nova.events.v1.Event")},
		{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
	}, record.Headers)
	var decoded event.Event
	require.NoError(t, event.DecodeProtobuf(record.Value, &decoded))
	assert.Equal(t, decoded.DerivedID(), decoded.ID, "the id is given before Kafka")
}

// A traceparent that is none is not passed on.
func TestMalformedTraceparentIsDropped(t *testing.T) {
	f := newFixture(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events", strings.NewReader(`{"events":[`+good+`]}`))
	request.Header.Set("traceparent", "00-xyz")
	f.ServeHTTP(httptest.NewRecorder(), request)
	require.Len(t, f.kafka.records, 1)
	assert.Len(t, f.kafka.records[0].Headers, 2)
}

// Every kind of request gets the status that its name says, and nothing but a 202
// publishes.
func TestStatuses(t *testing.T) {
	body := `{"events":[` + good + `]}`
	for name, test := range map[string]struct {
		method, path, contentType, body string
		status                          int
	}{
		"accepted":                {"POST", "/v1/events", "application/json", body, 202},
		"alias":                   {"POST", "/events", "application/json", body, 202},
		"charset":                 {"POST", "/v1/events", "application/json; charset=UTF-8", body, 202},
		"no content type":         {"POST", "/v1/events", "", body, 202},
		"curl -d":                 {"POST", "/v1/events", "application/x-www-form-urlencoded", body, 202},
		"other charset":           {"POST", "/v1/events", "application/json; charset=latin1", body, 415},
		"other content type":      {"POST", "/v1/events", "text/csv", body, 415},
		"malformed content type":  {"POST", "/v1/events", "application/json; =", body, 415},
		"JSON called protobuf":    {"POST", "/v1/events", "application/x-protobuf", body, 400},
		"get":                     {"GET", "/v1/events", "", "", 405},
		"put":                     {"PUT", "/v1/events", "application/json", body, 405},
		"other path":              {"POST", "/v2/events", "application/json", body, 404},
		"below the path":          {"POST", "/v1/events/1", "application/json", body, 404},
		"empty":                   {"POST", "/v1/events", "application/json", "", 400},
		"not JSON":                {"POST", "/v1/events", "application/json", "events", 400},
		"no events":               {"POST", "/v1/events", "application/json", `{"events":[]}`, 400},
		"too many events":         {"POST", "/v1/events", "application/json", `{"events":[` + strings.Repeat(good+",", 3) + good + `]}`, 400},
		"one bad among good":      {"POST", "/v1/events", "application/json", `{"events":[` + good + `,{}]}`, 400},
		"largest body":            {"POST", "/v1/events", "application/json", body + strings.Repeat(" ", 4000-len(body)), 202},
		"one byte beyond it":      {"POST", "/v1/events", "application/json", body + strings.Repeat(" ", 4001-len(body)), 413},
		"before the bounds":       {"POST", "/v1/events", "application/json", strings.Replace(body, "1764000000000", "1763914199999", 1), 400},
		"at the earliest":         {"POST", "/v1/events", "application/json", strings.Replace(body, "1764000000000", "1763914200000", 1), 202},
		"at the latest":           {"POST", "/v1/events", "application/json", strings.Replace(body, "1764000000000", "1764000300000", 1), 202},
		"ahead of the bounds":     {"POST", "/v1/events", "application/json", strings.Replace(body, "1764000000000", "1764000300001", 1), 400},
		"nested without an end":   {"POST", "/v1/events", "application/json", strings.Repeat("[", 4000), 400},
		"nested far in attribute": {"POST", "/v1/events", "application/json", `{"events":[{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}]}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			response := f.do(t, test.method, test.path, test.contentType, strings.NewReader(test.body))
			answer := text(t, response)
			assert.Equal(t, test.status, response.StatusCode, answer)
			assert.Equal(t, test.status == http.StatusAccepted, len(f.kafka.records) > 0)
			if test.status == http.StatusAccepted {
				return
			}
			assert.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
			var problem struct {
				Type, Title, Detail string
				Status              int
			}
			require.NoError(t, json.Unmarshal([]byte(answer), &problem))
			assert.Equal(t, "about:blank", problem.Type)
			assert.Equal(t, http.StatusText(test.status), problem.Title)
			assert.Equal(t, test.status, problem.Status)
			assert.NotEmpty(t, problem.Detail)
			assert.Equal(t, test.status == http.StatusMethodNotAllowed, response.Header.Get("Allow") == "POST")
		})
	}
}

// A compressed body is refused by name, not as bad JSON.
func TestCompressedBody(t *testing.T) {
	f := newFixture(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/events", strings.NewReader("x"))
	request.Header.Set("Content-Encoding", "gzip")
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, request)
	assert.Equal(t, http.StatusUnsupportedMediaType, recorder.Code)
}

// All mistakes of a body are named at once, by index, field and rule.
func TestEveryMistakeIsNamed(t *testing.T) {
	f := newFixture(t)
	response := f.post(t, `{"events":[`+good+`,{"ts":1764000000000,"user_id":"u","post_id":"`+postID+`","action":"view","dwell_ms":-1}],"x":1}`)
	assert.JSONEq(t, `{
		"type": "about:blank", "title": "Bad Request", "status": 400,
		"detail": "nothing was accepted: correct the body before it is sent again",
		"errors": [
			{"index": 1, "field": "user_id", "rule": "must be a UUID of the form 01234567-89ab-cdef-0123-456789abcdef"},
			{"index": 1, "field": "dwell_ms", "rule": "must be a whole number of milliseconds from 0 to 4294967295"},
			{"field": "x", "rule": "must not be beside events"}
		]}`, text(t, response))
	assert.Empty(t, f.kafka.records)
}

// When Kafka does not take events the client is told to come back, the operator
// is told once, and both are told when it is over.
func TestKafkaAway(t *testing.T) {
	f := newFixture(t)
	f.kafka.fail = errors.New("no leader")
	for range 3 {
		response := f.post(t, `{"events":[`+good+`]}`)
		assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		assert.Equal(t, "1", response.Header.Get("Retry-After"))
		assert.Contains(t, text(t, response), "send the identical body again")
	}
	assert.Contains(t, f.health.degraded["events api"], "no leader")
	assert.Equal(t, 1, strings.Count(f.log.String(), "answering 503"))
	f.kafka.fail = nil
	f.post(t, `{"events":[`+good+`]}`)
	assert.Empty(t, f.health.degraded)
	assert.Equal(t, 1, strings.Count(f.log.String(), "takes events again"))
}

// An event that Kafka never takes is not to be sent again.
func TestEventTooLargeForKafka(t *testing.T) {
	f := newFixture(t)
	f.kafka.fail = &producer.PublishError{Total: 1, Failures: []producer.Failure{{Err: producer.ErrTooLarge}}}
	assert.Equal(t, http.StatusRequestEntityTooLarge, f.post(t, `{"events":[`+good+`]}`).StatusCode)
	assert.Empty(t, f.health.degraded)
}

// A Kafka that says nothing is a 503 after the time limit.
func TestPublishTimeout(t *testing.T) {
	f := newFixture(t)
	f.kafka.publish = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	started := time.Now()
	assert.Equal(t, http.StatusServiceUnavailable, f.post(t, `{"events":[`+good+`]}`).StatusCode)
	assert.InDelta(t, 1, time.Since(started).Seconds(), 0.9)
}

// A client that is gone says nothing about Kafka.
func TestClientGone(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.kafka.publish = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/events", strings.NewReader(`{"events":[`+good+`]}`))
	f.ServeHTTP(httptest.NewRecorder(), request)
	assert.Empty(t, f.health.degraded)
	assert.Empty(t, f.log.String())
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
	var addr lastLine
	server, err := httpserver.Listen(t.Context(), config().Server(), f, slog.New(slog.NewJSONHandler(&addr, nil)))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func() (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr.address(t)+"/v1/events",
			strings.NewReader(`{"events":[`+good+`]}`))
		if err != nil {
			return 0, err
		}
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	answered := make(chan string, 1)
	go func() {
		status, err := post()
		answered <- fmt.Sprint(status, err)
	}()
	<-publishing
	stop()
	require.Eventually(t, func() bool {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", addr.address(t))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 5*time.Second, 5*time.Millisecond, "the port is closed")
	close(release)
	assert.Equal(t, "202 <nil>", <-answered)
	assert.NoError(t, <-stopped)
}

// lastLine keeps the line that tells the address.
type lastLine struct{ bytes.Buffer }

func (l *lastLine) address(t *testing.T) string {
	t.Helper()
	var line struct{ Addr string }
	require.NoError(t, json.Unmarshal(l.Bytes(), &line))
	return line.Addr
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, config().Validate())
	err := api.Config{MaxEventAhead: -1}.Validate()
	for _, name := range []string{
		"ADDR", "MAX_BODY_BYTES", "MAX_EVENTS", "MAX_EVENT_AGE", "MAX_EVENT_AHEAD", "READ_TIMEOUT", "PUBLISH_TIMEOUT", "IDLE_TIMEOUT",
	} {
		assert.ErrorContains(t, err, name)
	}
}

// Whatever the body: an answer, never a 500.
func FuzzPost(f *testing.F) {
	f.Add("application/json", []byte(`{"events":[`+good+`]}`))
	f.Add("application/x-protobuf", []byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		fixture := newFixture(t)
		response := fixture.do(t, http.MethodPost, "/v1/events", contentType, bytes.NewReader(body))
		assert.Contains(t, []int{202, 400, 413, 415}, response.StatusCode)
		assert.True(t, json.Valid([]byte(text(t, response))))
	})
}
