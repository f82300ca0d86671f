package eventsingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/pkg/servicetest"
	eventsingest "github.com/nova-data/nova/services/events-ingest"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

const group = "nova-events-ingest"

// stack is what the service works with: real engines, and Kafka's protocol.
type stack struct {
	t          *testing.T
	kafka      *kafkatest.Cluster
	clickhouse *chtest.Server
	redis      *redistest.Server
}

func startStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{
		t: t,
		kafka: kafkatest.Start(t,
			kafkatest.Topic{Name: "events", Partitions: 3}, kafkatest.Topic{Name: "events-dlq", Partitions: 1}),
		clickhouse: chtest.Start(t),
		redis:      redistest.Start(t),
	}
	servicetest.Migrate(t, s.clickhouse.Addr)
	return s
}

// service is one run of events-ingest.
type service struct {
	t      *testing.T
	url    string
	admin  string
	client *http.Client
	log    *servicetest.Log
	cancel context.CancelFunc
	done   chan error
}

// run starts the service, configured by its environment, and stops it with the
// test at the latest.
func (s *stack) run() *service {
	s.t.Helper()
	r := &service{t: s.t, client: &http.Client{Transport: &http.Transport{}}, log: &servicetest.Log{}, done: make(chan error, 1)}
	api, admin := servicetest.FreeAddress(s.t), servicetest.FreeAddress(s.t)
	r.url, r.admin = "http://"+api, "http://"+admin
	for name, value := range map[string]string{
		"HTTP_ADDR": api, "ADMIN_ADDR": admin, "LOG_LEVEL": "WARN",
		"KAFKA_BROKERS": strings.Join(s.kafka.Brokers, ","), "CLICKHOUSE_ADDR": s.clickhouse.Addr, "REDIS_ADDR": s.redis.Addr,
		"BATCH_AGE": "50ms", "FETCH_WAIT": "100ms", "HEARTBEAT_INTERVAL": "200ms",
		"DEDUP_TIMEOUT": "500ms", "CLICKHOUSE_TIMEOUT": "5s", "HTTP_PUBLISH_TIMEOUT": "2s",
	} {
		s.t.Setenv(name, value)
	}
	cfg := load(s.t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	r.cancel = cancel
	go func() { r.done <- eventsingest.Run(ctx, cfg, r.log) }()
	s.t.Cleanup(func() {
		r.stop()
		if s.t.Failed() {
			s.t.Logf("log of events-ingest:\n%s", r.log)
		}
	})
	servicetest.Await(s.t, "the service is ready", func() bool {
		status, _ := r.get("/readyz")
		return status == http.StatusOK
	})
	return r
}

// load reads the configuration as the binary does.
func load(t *testing.T) eventsingest.Config {
	t.Helper()
	var cfg eventsingest.Config
	require.NoError(t, config.Load(&cfg))
	return cfg
}

// runConsuming is run, and waits until the service reads records.
func (s *stack) runConsuming() *service {
	s.t.Helper()
	r := s.run()
	s.kafka.AwaitStable(group, 1)
	return r
}

// stop ends the service as SIGTERM does. It may be called twice.
func (r *service) stop() {
	r.t.Helper()
	r.cancel()
	if r.done == nil {
		return
	}
	assert.NoError(r.t, <-r.done)
	r.done = nil
	r.client.CloseIdleConnections()
}

func (r *service) get(path string) (status int, body string) {
	return r.do(http.MethodGet, r.admin+path, "", nil)
}

// post sends a body and returns the answer; status 0 if there is none.
func (r *service) post(contentType string, body []byte) (status int, answer string) {
	return r.do(http.MethodPost, r.url+"/v1/events", contentType, body)
}

func (r *service) do(method, url, contentType string, body []byte) (status int, answer string) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(r.t.Context()), method, url, bytes.NewReader(body))
	require.NoError(r.t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := r.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// accept posts events and requires that they are accepted.
func (r *service) accept(events ...string) {
	r.t.Helper()
	status, answer := r.post("application/json", body(events...))
	require.Equal(r.t, http.StatusAccepted, status, answer)
	require.JSONEq(r.t, fmt.Sprintf(`{"success":true,"count":%d}`, len(events)), answer)
}

func body(events ...string) []byte { return []byte(`{"events":[` + strings.Join(events, ",") + `]}`) }

// event is an event of a user and post of its own, at the given time.
func event(id uuid.UUID, action string, at time.Time) string {
	return fmt.Sprintf(`{"event_id":%q,"ts":%d,"user_id":%q,"post_id":%q,"action":%q,"dwell_ms":7}`,
		id, at.UnixMilli(), uuid.NewSHA1(id, []byte("user")), uuid.NewSHA1(id, []byte("post")), action)
}

// awaitDone waits until the group has committed all that is on the topic.
func (s *stack) awaitDone() {
	s.t.Helper()
	servicetest.AwaitCommits(s.t, s.kafka, group, "events")
}
