package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

// newFuzzed is an API of which only the status and form of an answer count.
func newFuzzed(f *testing.F) *api.Handler {
	f.Helper()
	handler, err := api.NewHandler(config(), deps(discard{}, &health{degraded: map[string]string{}}, &strings.Builder{}))
	require.NoError(f, err)
	return handler
}

// hold requires an answer whatever was sent: accepted or refused, in JSON, never a
// 500. All that was sent is in a good form or named as bad.
func hold(t *testing.T, handler http.Handler, contentType, encoding string, body []byte) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/events", strings.NewReader(string(body)))
	request.Header["Content-Type"] = []string{contentType}
	if encoding != "" {
		request.Header["Content-Encoding"] = []string{encoding}
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	assert.Contains(t, []int{202, 400, 413, 415}, recorder.Code)
	assert.True(t, json.Valid(recorder.Body.Bytes()))
}

// FuzzJSON posts any bytes as JSON, as they are and as what gzip holds.
func FuzzJSON(f *testing.F) {
	handler := newFuzzed(f)
	for _, test := range badJSON() {
		f.Add([]byte(test.body))
	}
	f.Add([]byte(batch))
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, body []byte) {
		hold(t, handler, typeJSON, "", body)
		hold(t, handler, typeJSON, "gzip", []byte(compressed(t, string(body))))
	})
}

// FuzzProtobuf posts any bytes as a batch and as a single event.
func FuzzProtobuf(f *testing.F) {
	handler := newFuzzed(f)
	for _, test := range badProtobuf() {
		f.Add([]byte(test.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, contentType := range []string{typeProtobuf, typeProtobuf + "; message=nova.events.v1.Event"} {
			hold(t, handler, contentType, "", body)
			hold(t, handler, contentType, "gzip", []byte(compressed(t, string(body))))
		}
	})
}

// FuzzTransport posts any bytes in any form, said to be gzip among others.
func FuzzTransport(f *testing.F) {
	handler := newFuzzed(f)
	f.Add(typeJSON, "", []byte(batch))
	f.Add(typeProtobuf, "", []byte{0x0a, 0x00})
	f.Add(typeJSON, "gzip", []byte(compressed(f, batch)))
	f.Add(typeProtobuf+"; message=x", "gzip, identity", []byte{})
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		hold(t, handler, contentType, encoding, body)
	})
}
