package probe_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody is an address at which nobody listens.
const nobody = "127.0.0.1:1"

// Every probe fails, with the address in its error, where nobody listens.
func TestNobodyThere(t *testing.T) {
	for name, ready := range map[string]probe.Probe{
		"postgres":  probe.Postgres("postgres://u:hunter2@" + nobody + "/nova"),
		"redis":     probe.Redis(nobody),
		"kafka":     probe.Kafka(nobody),
		"tcp":       probe.TCP(nobody),
		"http":      probe.HTTP("http://" + nobody),
		"connector": probe.Connector("http://"+nobody, "nova"),
	} {
		t.Run(name, func(t *testing.T) {
			err := ready(t.Context())
			require.ErrorContains(t, err, nobody)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// A server that takes a connection and says nothing holds a probe up no longer
// than its context.
func TestSilentServer(t *testing.T) {
	address := serve(t, func(conn net.Conn) { _, _ = bufio.NewReader(conn).ReadString(0) })
	for name, ready := range map[string]probe.Probe{
		"postgres": probe.Postgres("postgres://u@" + address + "/nova?sslmode=disable"),
		"redis":    probe.Redis(address),
		"kafka":    probe.Kafka(address),
		"http":     probe.HTTP("http://" + address),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			require.Error(t, ready(ctx))
		})
	}
}

// PostgreSQL is ready when it answers SQL and not once it is killed.
func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	require.NoError(t, probe.Postgres(server.DSN)(t.Context()))
	server.Kill()
	require.Error(t, probe.Postgres(server.DSN)(t.Context()))
}

// Redis is ready when it answers PONG or asks for a password, and not while it
// loads its data.
func TestRedis(t *testing.T) {
	for answer, ready := range map[string]bool{
		"+PONG":                            true,
		"-NOAUTH Authentication required.": true,
		"-LOADING Redis is loading the dataset in memory": false,
		"HTTP/1.1 400 Bad Request":                        false,
	} {
		address := serve(t, func(conn net.Conn) {
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err == nil && line == "PING\r\n" {
				_, _ = conn.Write([]byte(answer + "\r\n"))
			}
		})
		err := probe.Redis(address)(t.Context())
		if ready {
			require.NoError(t, err, answer)
		} else {
			require.ErrorContains(t, err, answer)
		}
	}
}

// Kafka is ready as soon as one of the brokers answers.
func TestKafka(t *testing.T) {
	cluster := kafkatest.Start(t)
	require.NoError(t, probe.Kafka(nobody+","+cluster.Brokers[0])(t.Context()))
}

// A connector is ready when it and all its tasks run; what has failed is told
// apart from what still starts, with the cause and not the whole trace.
func TestConnector(t *testing.T) {
	const trace = `org.apache.kafka.connect.errors.ConnectException: An exception occurred\n\tat io.debezium\nCaused by: java.io.IOException: outer\n\tat x\nCaused by: org.postgresql.util.PSQLException: slot is active\n\tat y\n`
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"running":   {http.StatusOK, `{"connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"}]}`, ""},
		"not yet":   {http.StatusNotFound, `{"error_code":404,"message":"No status found"}`, "404 Not Found: {\"error_code\":404"},
		"no task":   {http.StatusOK, `{"connector":{"state":"RUNNING"},"tasks":[]}`, "connector nova has no task yet"},
		"restarts":  {http.StatusOK, `{"connector":{"state":"RUNNING"},"tasks":[{"state":"UNASSIGNED"}]}`, "connector nova is UNASSIGNED"},
		"failed":    {http.StatusOK, `{"connector":{"state":"RUNNING"},"tasks":[{"state":"FAILED","trace":"` + trace + `"}]}`, "connector nova has failed: org.postgresql.util.PSQLException: slot is active"},
		"one line":  {http.StatusOK, `{"connector":{"state":"FAILED","trace":"no class"},"tasks":[]}`, "connector nova has failed: no class"},
		"not JSON":  {http.StatusOK, `<html>`, "reading the status of connector nova"},
		"no status": {http.StatusInternalServerError, ``, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/connectors/nova/status", r.URL.Path)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			err := probe.Connector(server.URL, "nova")(t.Context())
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			var failed *probe.FailedError
			require.Equal(t, name == "failed" || name == "one line", errors.As(err, &failed))
		})
	}
}

// serve answers each connection by handle, which then is closed.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String()
}
