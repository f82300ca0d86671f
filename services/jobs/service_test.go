package jobs_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/redistest"
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

// start starts ClickHouse, without the schema, Kafka and Redis.
func start(t *testing.T) environment {
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
	return e
}

// migrated is start with the schema applied.
func migrated(t *testing.T) environment {
	t.Helper()
	e := start(t)
	e.migrate()
	return e
}

// migrate applies the schema. The topics are those of the test.
func (e environment) migrate() {
	e.Helper()
	e.Setenv("KAFKA_BROKERS", strings.Join(kafkatest.Start(e.T).Brokers, ","))
	migrate := run(e.T, "migrate")
	require.Zero(e, migrate.code, migrate)
	e.Setenv("KAFKA_BROKERS", strings.Join(e.kafka.Brokers, ","))
}

// process is a running service.
type process struct {
	environment
	command    *exec.Cmd
	log        *log
	url, admin string
	client     *http.Client
}

// log is a buffer that may be read while it is written.
type log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// address is the one that a line of the log tells, or "".
func (l *log) address(message string) string {
	for line := range strings.Lines(l.String()) {
		var entry struct{ Msg, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message {
			return entry.Addr
		}
	}
	return ""
}

// service starts the service. It is killed with the test if it still runs.
func (e environment) service() *process {
	e.Helper()
	p := &process{environment: e, log: &log{}, client: &http.Client{Transport: &http.Transport{}}}
	p.command = exec.Command(os.Args[0], asJobs) // it ends by signals, as in production
	p.command.Stderr = p.log
	require.NoError(e, p.command.Start())
	e.Cleanup(func() {
		p.kill()
		if e.Failed() {
			e.Logf("log of jobs:\n%s", p.log)
		}
	})
	e.await("the service listens", func() bool {
		p.url, p.admin = "http://"+p.log.address("jobs API listening"), "http://"+p.log.address("admin server listening")
		return p.url != "http://" && p.admin != "http://"
	})
	return p
}

// kill ends the service as a crash does.
func (p *process) kill() {
	p.client.CloseIdleConnections()
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// stop ends the service as an orchestrator does, and requires a clean exit.
func (p *process) stop() {
	p.Helper()
	p.client.CloseIdleConnections()
	require.NoError(p, p.command.Process.Signal(os.Interrupt))
	require.NoError(p, p.command.Wait())
}

// get returns the status, 0 without an answer, the headers and the body.
func (p *process) get(url string) (status int, header http.Header, body string) {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, url, nil)
	require.NoError(p, err)
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(p, err)
	return response.StatusCode, response.Header, string(text)
}

func (p *process) metrics() string {
	p.Helper()
	_, _, text := p.get(p.admin + "/metrics")
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
	status, _, body := p.get(p.url + "/v1/trending" + query)
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
	status, _, body := p.get(p.url + "/v1/jobs")
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
