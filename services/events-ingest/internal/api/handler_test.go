package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

func length(text string) string { return strconv.Itoa(len(text)) }

// What reaches Kafka is what consumers of every language rely on: key, headers,
// form, and the time of acceptance.
func TestRecordOnKafka(t *testing.T) {
	f := newFixture(t)
	request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, batchOf(good, changed("action", `"like"`)))
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	got := f.send(t, request)
	assert.Equal(t, http.StatusAccepted, got.status)
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	assert.JSONEq(t, `{"success":true,"count":2}`, got.body)

	require.Len(t, f.kafka.records, 2)
	for i, action := range []event.Action{event.View, event.Like} {
		record := f.kafka.records[i]
		assert.Equal(t, "events", record.Topic)
		assert.Equal(t, userID, string(record.Key))
		assert.Equal(t, time.UnixMilli(now), record.Time)
		assert.Equal(t, []producer.Header{
			{Key: "content-type", Value: []byte("application/x-protobuf")},
			{Key: "nova-schema", Value: []byte("nova.events.v1.Event")},
			{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		}, record.Headers)
		var decoded event.Event
		require.NoError(t, event.DecodeProtobuf(record.Value, &decoded))
		assert.Equal(t, decoded.DerivedID(), decoded.ID, "the id is given before Kafka")
		assert.Equal(t, action, decoded.Action)
	}
}

// A traceparent that is none is not passed on, nor that of another request.
func TestMalformedTraceparentIsDropped(t *testing.T) {
	f := newFixture(t)
	for _, traceparent := range []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-xyz"} {
		request := newRequest(t, http.MethodPost, "/events", typeJSON, batch)
		request.Header.Set("Traceparent", traceparent)
		f.send(t, request)
	}
	require.Len(t, f.kafka.records, 2)
	assert.Len(t, f.kafka.records[0].Headers, 3)
	assert.Len(t, f.kafka.records[1].Headers, 2)
}

// Every form of a good request is accepted, and all forms of an event are the same
// record.
func TestGoodRequests(t *testing.T) {
	f := newFixture(t)
	f.post(t, batch)
	value := f.kafka.records[0].Value
	inBatch := "\x0a" + string(rune(len(value))) + string(value)
	require.Less(t, len(value), 128)
	for name, test := range map[string]struct{ path, contentType, body string }{
		"batch":              {"/v1/events", typeJSON, batch},
		"alias":              {"/events", typeJSON, batch},
		"single":             {"/v1/events", typeJSON, good},
		"charset":            {"/v1/events", typeJSON + "; charset=UTF-8", batch},
		"no content type":    {"/v1/events", "", batch},
		"curl -d":            {"/v1/events", "application/x-www-form-urlencoded", batch},
		"largest body":       {"/v1/events", typeJSON, batch + strings.Repeat(" ", 4000-len(batch))},
		"protobuf":           {"/v1/events", typeProtobuf, inBatch},
		"protobuf, in full":  {"/v1/events", typeProtobuf + "; message=nova.events.v1.EventBatch", inBatch},
		"protobuf, single":   {"/v1/events", typeProtobuf + `; message="nova.events.v1.Event"`, string(value)},
		"protobuf, official": {"/v1/events", "application/protobuf", inBatch},
		"member of a query":  {"/v1/events?debug=1", typeJSON, batch},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			got := f.send(t, newRequest(t, http.MethodPost, test.path, test.contentType, test.body))
			require.Equal(t, http.StatusAccepted, got.status, got.body)
			require.Len(t, f.kafka.records, 1)
			assert.Equal(t, value, f.kafka.records[0].Value)
		})
	}
	for _, ts := range []string{"1763914200000", "1764000300000"} {
		assert.Equal(t, http.StatusAccepted, f.post(t, batchOf(changed("ts", ts))).status, "at the bounds")
	}
}

// All mistakes of a body are named at once, by index, field and rule.
func TestEveryMistakeIsNamed(t *testing.T) {
	f := newFixture(t)
	request := newRequest(t, http.MethodPost, "/v1/events", typeJSON,
		`{"events":[`+good+`,{"ts":1764000000000,"user_id":"u","post_id":"`+postID+`","action":"view","dwell_ms":-1}],"x":1}`)
	request.Header.Set("X-Request-Id", "7")
	assert.JSONEq(t, `{
		"type": "about:blank", "title": "Bad Request", "status": 400, "request_id": "7",
		"detail": "nothing was accepted: correct the body before it is sent again",
		"errors": [
			{"index": 1, "field": "user_id", "rule": "must be a UUID of the form 01234567-89ab-cdef-0123-456789abcdef"},
			{"index": 1, "field": "dwell_ms", "rule": "must be a whole number of milliseconds from 0 to 4294967295"},
			{"field": "x", "rule": "must not be beside events"}
		]}`, f.send(t, request).body)
	assert.Empty(t, f.kafka.records)
}

// When Kafka does not take events the client is told to come back, the operator
// is told once, and both are told when it is over.
func TestKafkaAway(t *testing.T) {
	f := newFixture(t)
	f.kafka.fail = errors.New("no leader")
	var first string
	for range 3 {
		got := f.post(t, batch)
		assert.Equal(t, http.StatusServiceUnavailable, got.status)
		assert.Equal(t, "1", got.header.Get("Retry-After"))
		assert.Contains(t, got.body, "send the identical body again")
		if first == "" {
			first = got.header.Get("X-Request-Id")
		}
	}
	assert.Contains(t, f.health.degraded["events api"], "no leader")
	assert.Equal(t, 1, strings.Count(f.log.String(), "answering 503"))
	assert.Contains(t, f.log.String(), "request_id="+first)
	f.kafka.fail = nil
	f.post(t, batch)
	assert.Empty(t, f.health.degraded)
	assert.Equal(t, 1, strings.Count(f.log.String(), "takes events again"))
}

// An event that Kafka never takes is not to be sent again.
func TestEventTooLargeForKafka(t *testing.T) {
	f := newFixture(t)
	f.kafka.fail = &producer.PublishError{Total: 1, Failures: []producer.Failure{{Err: producer.ErrTooLarge}}}
	got := f.post(t, batch)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	assert.Contains(t, got.body, `"errors":[{"index":0,"rule":"must be smaller: record is too large"}]`)
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
	assert.Equal(t, http.StatusServiceUnavailable, f.post(t, batch).status)
	assert.InDelta(t, 1, time.Since(started).Seconds(), 0.9)
	assert.NotEmpty(t, f.health.degraded)
}

// A client that is gone says nothing about Kafka.
func TestClientGone(t *testing.T) {
	f := newFixture(t, func(c *api.Config) { c.MaxBytesInFlight = 4000 })
	ctx, leave := context.WithCancel(t.Context())
	publishing, release := make(chan struct{}), make(chan struct{})
	f.kafka.publish = func(ctx context.Context) error {
		leave()
		close(publishing)
		select {
		case <-release:
			return errors.New("too late")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/events", strings.NewReader(batch)))
	}()
	<-publishing
	whole := batch + strings.Repeat(" ", 4000-len(batch))
	assert.Equal(t, http.StatusTooManyRequests, f.post(t, whole).status, "its bytes are still on their way to Kafka")
	close(release)
	<-served
	f.kafka.publish = nil
	assert.Equal(t, http.StatusAccepted, f.post(t, whole).status)
	assert.Empty(t, f.health.degraded)
	assert.NotContains(t, f.log.String(), "503")
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, config().Validate())
	err := api.Config{MaxEventAhead: -1, CORSOrigins: []string{"shop.example"}}.Validate()
	for _, name := range []string{
		"ADDR", "MAX_BODY_BYTES", "MAX_EVENTS", "MAX_EVENT_AGE", "MAX_EVENT_AHEAD", "MAX_CONCURRENT", "MAX_CONNECTIONS", "MAX_BYTES_IN_FLIGHT",
		"READ_TIMEOUT", "PUBLISH_TIMEOUT", "IDLE_TIMEOUT", "CORS_ORIGINS",
	} {
		assert.ErrorContains(t, err, name)
	}
	for origin, isFine := range map[string]bool{
		"*": true, "https://shop.example": true, "http://localhost:3000": true,
		"https://shop.example/": false, "https://Shop.example": false, "https://u@shop.example": false,
		"ftp://shop.example": false, "https://": false, "null": false, "": false, "https://*.example": false,
	} {
		cfg := config()
		cfg.CORSOrigins = []string{origin}
		assert.Equal(t, isFine, cfg.Validate() == nil, origin)
	}
}
