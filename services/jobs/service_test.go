package jobs_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/pkg/servicetest"
)

const (
	group       = "nova-jobs"
	definitions = "cdc.job_definitions"
	partitions  = 4
)

// environment is what the service works with: real engines, and Kafka's protocol.
type environment struct {
	*testing.T
	clickhouse *chtest.Server
	kafka      *kafkatest.Cluster
	redis      *redistest.Server
}

// migrated starts ClickHouse with the schema, Kafka and Redis.
func migrated(t *testing.T) environment {
	t.Helper()
	server, cluster := servers(t, kafkatest.Topic{Name: definitions, Partitions: partitions})
	e := environment{T: t, clickhouse: server, kafka: cluster, redis: redistest.Start(t)}
	for name, value := range map[string]string{
		"REDIS_ADDR": e.redis.Addr, "HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0",
		"FETCH_WAIT": "100ms", "HEARTBEAT_INTERVAL": "100ms", "SESSION_TIMEOUT": "6s",
		"CLICKHOUSE_DIAL_TIMEOUT": "1s", "CLICKHOUSE_BREAKER_DELAY": "500ms", "CLICKHOUSE_BREAKER_JITTER": "100ms",
	} {
		t.Setenv(name, value)
	}
	servicetest.Migrate(t, server.Addr)
	return e
}

// process is a running service.
type process struct {
	environment
	*servicetest.Process
	url, admin string
}

// service starts the service, and waits until it listens.
func (e environment) service() *process {
	e.Helper()
	p := &process{environment: e, Process: servicetest.Start(e)}
	servicetest.Await(e, "the service listens", func() bool {
		p.url, p.admin = "http://"+p.address("API listening"), "http://"+p.address("admin server listening")
		return p.url != "http://" && p.admin != "http://"
	})
	return p
}

// address is the one that a line of the log tells, or "".
func (p *process) address(message string) string {
	for line := range strings.Lines(p.Logged()) {
		var entry struct{ Msg, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message {
			return entry.Addr
		}
	}
	return ""
}

func (p *process) metrics() string {
	p.Helper()
	_, _, text := servicetest.Get(p, p.admin+"/metrics")
	return text
}

// answer is the body of GET /v1/trending.
type answer struct {
	Window     string
	From, To   time.Time
	CachedAt   time.Time `json:"cached_at"`
	AgeSeconds int       `json:"age_seconds"`
	Stale      bool
	Posts      []struct {
		PostID   string `json:"post_id"`
		Score    float64
		CachedAt int64 `json:"cached_at"`
	}
}

// trending reads a list, which must be there.
func (p *process) trending(query string) answer {
	p.Helper()
	status, _, body := servicetest.Get(p, p.url+"/v1/trending"+query)
	require.Equal(p, http.StatusOK, status, body)
	var a answer
	require.NoError(p, json.Unmarshal([]byte(body), &a))
	return a
}

// job is a job in GET /v1/jobs.
type job struct {
	Name, Kind, Schedule, State, Reason string
	Enabled                             bool
	Params                              json.RawMessage
	NextRun                             time.Time `json:"next_run"`
	LastRun                             *struct {
		Tick, Outcome, Error string
		Rows                 int
	} `json:"last_run"`
}

// jobs reads the jobs by name, and what is wrong with the file.
func (p *process) jobs() (jobs map[string]job, fileError string) {
	p.Helper()
	status, _, body := servicetest.Get(p, p.url+"/v1/jobs")
	require.Equal(p, http.StatusOK, status, body)
	var list struct {
		Jobs      []job
		FileError string `json:"file_error"`
	}
	require.NoError(p, json.Unmarshal([]byte(body), &list))
	jobs = map[string]job{}
	for _, j := range list.Jobs {
		jobs[j.Name] = j
	}
	return jobs, list.FileError
}

// state is how a job is, "" if there is none.
func (p *process) state(name string) string {
	p.Helper()
	jobs, _ := p.jobs()
	return jobs[name].State
}
