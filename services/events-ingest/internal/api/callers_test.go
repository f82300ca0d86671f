package api_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

const secret = "a-secret-token-of-web"

// withTokens makes the API ask for tokens of a file with that content.
func withTokens(t *testing.T, content string) func(*api.Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return func(c *api.Config) { c.TokensFile = path }
}

// Who may call is known by name: in the log of a request, with its id, and in the
// counters. The token is in neither, nor in an answer.
func TestCallerIsTold(t *testing.T) {
	f := newFixture(t)
	reader := sdk.NewManualReader()
	d := deps(f.kafka, f.health, f.log)
	d.Log = slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.Meter = sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("api")
	cfg := config()
	withTokens(t, "web:"+secret+"\nweb:a-newer-token-of-web\nios:a-secret-token-of-ios")(&cfg)
	handler, err := api.NewHandler(cfg, d)
	require.NoError(t, err)
	f.Handler = handler
	for token, status := range map[string]int{
		secret: 202, "a-newer-token-of-web": 202, "a-secret-token-of-ios": 202, "an-unknown-secret-token": 401,
	} {
		request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, batch)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("X-Request-Id", "request-"+token[:4])
		got := f.send(t, request)
		assert.Equal(t, status, got.status)
		assert.NotContains(t, got.body, token)
	}
	assert.Contains(t, f.log.String(), "request_id=request-a-ne caller=web path=/v1/events status=202 events=1")
	assert.Contains(t, f.log.String(), `request_id=request-an-u caller="" path=/v1/events status=401 events=0`)
	assert.NotContains(t, f.log.String(), "token")

	var measured metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &measured))
	calls, names := map[string]int64{}, []string{}
	for _, m := range measured.ScopeMetrics[0].Metrics {
		names = append(names, m.Name)
		if sum, isSum := m.Data.(metricdata.Sum[int64]); isSum && m.Name == "events_requests_total" {
			for _, point := range sum.DataPoints {
				caller, _ := point.Attributes.Value("caller")
				calls[caller.AsString()] = point.Value
			}
		}
	}
	assert.Equal(t, map[string]int64{"web": 2, "ios": 1}, calls)
	assert.ElementsMatch(t, []string{
		"events_accept_duration_seconds", "events_accepted_total", "events_requests_refused_total", "events_requests_total",
		"events_requests_in_flight", "events_body_bytes_in_flight",
	}, names)
}

// How a client is asked for a token (RFC 6750), and the description is for all.
func TestChallenge(t *testing.T) {
	f := newFixture(t, withTokens(t, "web:"+secret))
	request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, batch)
	assert.Equal(t, `Bearer realm="nova events"`, f.send(t, request).header.Get("WWW-Authenticate"))
	request = newRequest(t, http.MethodPost, "/v1/events", typeJSON, batch)
	request.Header.Set("Authorization", "Bearer another")
	assert.Equal(t, `Bearer realm="nova events", error="invalid_token"`, f.send(t, request).header.Get("WWW-Authenticate"))
	assert.Equal(t, http.StatusOK, f.send(t, newRequest(t, http.MethodGet, "/openapi.json", "", "")).status)
	assert.Empty(t, f.kafka.records)
}

// A file of tokens that cannot be read keeps the service from starting: it would
// refuse everybody, or nobody.
func TestTokensFileMissing(t *testing.T) {
	cfg := config()
	cfg.TokensFile = filepath.Join(t.TempDir(), "none")
	f := newFixture(t)
	_, err := api.NewHandler(cfg, deps(f.kafka, f.health, f.log))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "HTTP_TOKENS_FILE")
}

// A request keeps the id that its client gave it, unless that could break a log;
// every answer has one.
func TestRequestID(t *testing.T) {
	f := newFixture(t)
	for given, isKept := range map[string]bool{
		"7": true, "trace-1.2_3:4": true, strings.Repeat("x", 128): true,
		"": false, "a b": false, "a\nb": false, "ä": false, strings.Repeat("x", 129): false, `"`: false,
	} {
		request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, "{}")
		request.Header["X-Request-Id"] = []string{given}
		got := f.send(t, request)
		assert.Equal(t, isKept, got.header.Get("X-Request-Id") == given, given)
		assert.Contains(t, got.body, `"request_id":"`+got.header.Get("X-Request-Id")+`"`)
	}
	first, second := f.post(t, batch).header.Get("X-Request-Id"), f.post(t, batch).header.Get("X-Request-Id")
	assert.Len(t, first, 26)
	assert.NotEqual(t, first, second)
}

// Pages of the configured origins may post from a browser; those of others are told
// nothing, and without configuration nobody is.
func TestCORS(t *testing.T) {
	const shop, other = "https://shop.example", "https://other.example"
	for name, test := range map[string]struct {
		origins         []string
		origin, allowed string
	}{
		"one of the origins": {[]string{"http://localhost:3000", shop}, shop, shop},
		"another origin":     {[]string{shop}, other, ""},
		"longer origin":      {[]string{shop}, shop + ".evil", ""},
		"any origin":         {[]string{"*"}, other, "*"},
		"no origin":          {[]string{shop}, "", ""},
		"off":                {nil, shop, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *api.Config) { c.CORSOrigins = test.origins }, withTokens(t, "web:"+secret))
			for _, body := range []string{batch, "{}"} {
				request := newRequest(t, http.MethodPost, "/v1/events", typeJSON, body)
				request.Header.Set("Origin", test.origin)
				request.Header.Set("Authorization", "Bearer "+secret)
				got := f.send(t, request)
				assert.Equal(t, test.allowed, got.header.Get("Access-Control-Allow-Origin"))
				assert.Equal(t, test.allowed != "", got.header.Get("Access-Control-Expose-Headers") == "Retry-After, X-Request-Id")
				assert.Equal(t, len(test.origins) > 0, got.header.Get("Vary") == "Origin")
			}
			for path, methods := range map[string]string{"/v1/events": "POST", "/openapi.json": "GET, HEAD"} {
				request := newRequest(t, http.MethodOptions, path, "", "")
				request.Header.Set("Origin", test.origin)
				request.Header.Set("Access-Control-Request-Method", "POST")
				got := f.send(t, request)
				if len(test.origins) == 0 {
					assert.Equal(t, http.StatusMethodNotAllowed, got.status)
					continue
				}
				assert.Equal(t, http.StatusNoContent, got.status, "without a token")
				assert.Equal(t, test.allowed != "", got.header.Get("Access-Control-Allow-Methods") == methods)
				assert.Equal(t, test.allowed != "", got.header.Get("Access-Control-Max-Age") == "600")
				assert.Equal(t, test.allowed != "", strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization, Content-Encoding"))
				assert.Contains(t, got.header.Values("Vary"), "Access-Control-Request-Method, Access-Control-Request-Headers")
			}
		})
	}
}

// With CORS the methods that are allowed say so.
func TestAllowWithCORS(t *testing.T) {
	f := newFixture(t, func(c *api.Config) { c.CORSOrigins = []string{"*"} })
	assert.Equal(t, "POST, OPTIONS", f.send(t, newRequest(t, http.MethodGet, "/v1/events", "", "")).header.Get("Allow"))
	assert.Equal(t, "POST", newFixture(t).send(t, newRequest(t, http.MethodGet, "/v1/events", "", "")).header.Get("Allow"))
}
