package apicontract

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

const (
	token   = "the-token-of-the-contract"
	timeout = 90 * time.Second
)

// service is a running events-ingest.
type service struct{ url, admin, tokens string }

// start runs events-ingest until the test ends.
func start(t *testing.T) service {
	t.Helper()
	binaries, err := chtest.Compile("apicontract", nil, "./services/events-ingest/cmd/events-ingest")
	require.NoError(t, err)
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: "events", Partitions: 3}, kafkatest.Topic{Name: "events-dlq", Partitions: 1})
	dir, address, admin := t.TempDir(), servicetest.FreeAddress(t), servicetest.FreeAddress(t)
	tokens, log := filepath.Join(dir, "tokens"), filepath.Join(dir, "log")
	require.NoError(t, os.WriteFile(tokens, []byte("contract:"+token+"\n"), 0o600))
	away := servicetest.FreeAddress(t)
	p, err := process.Start(process.Spec{
		Name: "events-ingest", Path: filepath.Join(binaries, "events-ingest"), Dir: dir, Log: log,
		Env: []string{
			"HTTP_ADDR=" + address, "ADMIN_ADDR=" + admin, "HTTP_TOKENS_FILE=" + tokens, "LOG_LEVEL=WARN",
			"KAFKA_BROKERS=" + strings.Join(kafka.Brokers, ","), "CLICKHOUSE_ADDR=" + away, "REDIS_ADDR=" + away,
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, p.Stop(30*time.Second))
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("log of events-ingest:\n%s", text)
		}
	})
	servicetest.Await(t, "the service is ready", func() bool {
		status, _, _ := servicetest.Get(t, "http://"+admin+"/readyz")
		return status == http.StatusOK
	})
	return service{url: "http://" + address, admin: "http://" + admin, tokens: tokens}
}

// run tests the service against a description and returns what Schemathesis says;
// the error is its exit code, or that it took too long.
func (s service) run(t *testing.T, description string, arguments ...string) (output string, err error) {
	t.Helper()
	path, err := schemathesis()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	config, err := filepath.Abs("schemathesis.toml")
	require.NoError(t, err)
	command := exec.CommandContext(ctx, path, append([]string{
		"--config-file", config, "run", description, "--url", s.url, "--no-color",
		"--header", "Authorization: Bearer " + token, "--continue-on-failure", "--warnings", "off",
		// What keeps to the schema may be refused all the same: it cannot say that ts is
		// near the present, what a Content-Encoding does to the body, nor count bytes.
		"--checks", "all", "--exclude-checks", "positive_data_acceptance",
		// Without the phase that follows links between operations: there are none.
		"--phases", "examples,coverage,fuzzing", "--generation-database", "none",
	}, arguments...)...)
	command.Dir = t.TempDir()
	text, err := command.CombinedOutput()
	t.Logf("%s", text)
	return string(text), err
}

// description is what the service says of itself, changed, in a file: of the address
// that it reads, Schemathesis leaves the operation out.
func (s service) description(t *testing.T, change func(map[string]any)) (path string) {
	t.Helper()
	status, _, text := servicetest.Get(t, s.url+"/openapi.json")
	require.Equal(t, http.StatusOK, status)
	// The examples have a time of their own.
	text = strings.ReplaceAll(text, "1764000000000", strconv.FormatInt(time.Now().UnixMilli(), 10))
	var description map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &description))
	change(description)
	changed, err := json.Marshal(description)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "openapi.json")
	require.NoError(t, os.WriteFile(path, changed, 0o600))
	return path
}

// at is the object at a place of the description.
func at(t *testing.T, description map[string]any, place ...string) map[string]any {
	t.Helper()
	for _, name := range place {
		inner, isObject := description[name].(map[string]any)
		require.True(t, isObject, name)
		description = inner
	}
	return description
}

// accepted is how many events the service has accepted.
func (s service) accepted(t *testing.T) int {
	t.Helper()
	_, _, metrics := servicetest.Get(t, s.admin+"/metrics")
	for line := range strings.Lines(metrics) {
		if text, isIt := strings.CutPrefix(line, "events_accepted_total "); isIt {
			count, err := strconv.Atoi(strings.TrimSpace(text))
			require.NoError(t, err)
			return count
		}
	}
	return 0
}

// No answer of the API is undocumented, whatever is sent: of requests that keep to
// the description and requests that do not, most are refused, in every way that
// they can provoke.
func TestNothingUndocumented(t *testing.T) {
	s := start(t)
	output, err := s.run(t, s.description(t, func(map[string]any) {}), "--max-examples", "300")
	require.NoError(t, err)
	assert.Contains(t, output, "3 selected / 3 total", "nothing is left out")
	_, _, metrics := servicetest.Get(t, s.admin+"/metrics")
	for _, status := range []string{"400", "401", "405", "415"} {
		assert.Contains(t, metrics, `events_requests_refused_total{status="`+status+`"}`)
	}
}

// Nor is one of requests that are accepted. A schema cannot say that ts is near the
// present: left to it, no event would ever be.
func TestAcceptedAsDocumented(t *testing.T) {
	s := start(t)
	description := s.description(t, func(description map[string]any) {
		ts := at(t, description, "components", "schemas", "Event", "properties", "ts")
		ts["minimum"], ts["maximum"] = time.Now().Add(-23*time.Hour).UnixMilli(), time.Now().UnixMilli()
	})
	// A time outside would count as wrong, and be accepted: only what is right is sent.
	_, err := s.run(t, description, "--mode", "positive", "--max-examples", "200")
	require.NoError(t, err)
	assert.Greater(t, s.accepted(t), 100, "of some hundred requests")
}

// Schemathesis is able to find what the tests are there for: an answer that is taken
// out of the description is reported.
func TestFindsAnUndocumentedAnswer(t *testing.T) {
	s := start(t)
	description := s.description(t, func(description map[string]any) {
		for _, path := range []string{"/v1/events", "/events"} {
			responses := at(t, description, "paths", path, "post", "responses")
			require.Contains(t, responses, "400")
			delete(responses, "400")
		}
	})
	output, err := s.run(t, description, "--max-examples", "10")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Contains(t, output, "Undocumented status code")
	assert.Contains(t, output, "Received: 400")
}

// Tokens are rotated while the process runs: of a changed file the new token is
// taken and the old one is not.
func TestTokensAreRotated(t *testing.T) {
	s := start(t)
	const newer = "the-newer-token-of-the-contract"
	assert.Equal(t, http.StatusBadRequest, s.post(t, token))
	assert.Equal(t, http.StatusUnauthorized, s.post(t, newer))
	require.NoError(t, os.WriteFile(s.tokens, []byte("contract:"+newer+"\n"), 0o600))
	servicetest.Await(t, "the newer token counts", func() bool { return s.post(t, newer) == http.StatusBadRequest })
	assert.Equal(t, http.StatusUnauthorized, s.post(t, token))
}

// post sends an empty event and returns the status.
func (s service) post(t *testing.T, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/events", strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
