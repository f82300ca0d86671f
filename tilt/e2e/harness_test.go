package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// ports are what a stack listens on with PORT_BASE=0.
var ports = []int{5432, 6379, 8080, 8081, 8083, 8088, 8123, 9000, 9092, 9093, 9101, 9102, 9103, 9104}

// stack is one local stack, driven by its command line as a user drives it.
type stack struct {
	dir    string
	binary string
	env    []string
	vars   map[string]string
}

var buildStack = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, ".run", "bin", "stack")
	build := exec.Command("go", "build", "-o", binary, "./tilt/stack/cmd/stack")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the stack: %w\n%s", err, output)
	}
	return binary, nil
})

// newStack prepares a stack in a directory and on ports of its own; nothing is
// started yet. What is left of it at the end of the test is stopped and removed.
func newStack(t *testing.T) *stack {
	t.Helper()
	binary, err := buildStack()
	require.NoError(t, err)
	// PostgreSQL's server, which is not root, must be able to pass through.
	dir, err := os.MkdirTemp("", "nova-e2e-") //nolint:usetesting // t.TempDir's parents are closed to other users
	require.NoError(t, err)
	s := &stack{dir: dir, binary: binary}
	s.env = append(os.Environ(), "RUN_DIR="+dir, "PORT_BASE="+strconv.Itoa(freePortBase(t)))
	t.Cleanup(func() {
		if t.Failed() {
			s.dumpLogs(t)
		}
		output, err := s.command(context.Background(), "clean").CombinedOutput()
		if err != nil {
			t.Errorf("cleaning up: %v\n%s", err, output)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return s
}

func (s *stack) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Dir, cmd.Env = filepath.Dir(filepath.Dir(filepath.Dir(s.binary))), s.env
	return cmd
}

// run runs one command of the stack to its end.
func (s *stack) run(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	output, err := s.command(ctx, args...).CombinedOutput()
	require.NoError(t, err, "stack %s:\n%s", strings.Join(args, " "), output)
}

// loadVars reads the addresses as a shell would.
func (s *stack) loadVars(t *testing.T) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", "set -a; . "+filepath.Join(s.dir, "env")+" && env")
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	output, err := shell.Output()
	require.NoError(t, err)
	s.vars = map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		s.vars[name] = value
	}
	for _, name := range []string{
		"EVENTS_URL", "JOBS_URL", "CLICKHOUSE_HTTP", "CLICKHOUSE_ADDR", "KAFKA_BROKERS", "CONNECT_URL", "POSTGRES_DSN", "REDIS_ADDR",
	} {
		require.NotEmpty(t, s.vars[name], name)
	}
}

// postgres runs statements as one transaction each.
func (s *stack) postgres(t *testing.T, statements ...string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), s.vars["POSTGRES_DSN"])
	require.NoError(t, err)
	defer func() { _ = db.Close(context.Background()) }()
	for _, statement := range statements {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// clickhouse returns a query's result as tab-separated text, or the error of a
// server that cannot be reached or refuses.
func (s *stack) clickhouse(query string) (string, error) {
	status, body, err := post(s.vars["CLICKHOUSE_HTTP"]+"/?database=nova", "text/plain", query)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", query, err, body)
	}
	return strings.TrimSuffix(body, "\n"), nil
}

// awaitRows waits until the query answers want, for at most the given time.
func (s *stack) awaitRows(t *testing.T, within time.Duration, query, want string) {
	t.Helper()
	var got string
	var err error
	await(t, within, func() bool {
		got, err = s.clickhouse(query)
		return err == nil && got == want
	}, func() string { return fmt.Sprintf("%s\nwant %q\n got %q, %v", query, want, got, err) })
}

// awaitCommitted waits until the group has committed the end of every partition
// of the topic.
func (s *stack) awaitCommitted(t *testing.T, group, topic string) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(strings.Split(s.vars["KAFKA_BROKERS"], ",")...), Timeout: 10 * time.Second}
	var state string
	await(t, 30*time.Second, func() bool {
		lag, records, err := groupLag(t.Context(), client, group, topic)
		state = fmt.Sprintf("lag %d of %d records, %v", lag, records, err)
		return err == nil && lag == 0 && records > 0
	}, func() string { return fmt.Sprintf("group %s on %s: %s", group, topic, state) })
}

func groupLag(ctx context.Context, client *kafka.Client, group, topic string) (lag, records int64, err error) {
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, 0, err
	}
	var partitions []int
	var ends []kafka.OffsetRequest
	for _, partition := range metadata.Topics[0].Partitions {
		partitions = append(partitions, partition.ID)
		ends = append(ends, kafka.LastOffsetOf(partition.ID))
	}
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ends}})
	if err != nil {
		return 0, 0, err
	}
	committed, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
	if err != nil {
		return 0, 0, err
	}
	offsets := map[int]int64{}
	for _, partition := range committed.Topics[topic] {
		offsets[partition.Partition] = max(partition.CommittedOffset, 0)
	}
	for _, partition := range listed.Topics[topic] {
		lag += partition.LastOffset - offsets[partition.Partition]
		records += partition.LastOffset
	}
	return lag, records, partitionErrors(listed.Topics[topic])
}

func partitionErrors(offsets []kafka.PartitionOffsets) error {
	var problems []error
	for _, partition := range offsets {
		problems = append(problems, partition.Error)
	}
	return errors.Join(problems...)
}

// kill sends SIGKILL to the process of a part and waits until the supervisor has
// started another one.
func (s *stack) kill(t *testing.T, part string) {
	t.Helper()
	pid := s.pid(t, part)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	await(t, time.Minute, func() bool {
		next, err := s.readPID(part)
		return err == nil && next != pid
	}, func() string { return part + " is not started again" })
}

func (s *stack) pid(t *testing.T, part string) int {
	t.Helper()
	pid, err := s.readPID(part)
	require.NoError(t, err)
	return pid
}

func (s *stack) readPID(part string) (int, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "pids", part))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.Fields(string(text))[0])
}

// processes returns the command lines of all processes that belong to the stack,
// told by its directory in their arguments or environment.
func (s *stack) processes(t *testing.T) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		arguments, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(entry, "environ"))
		isOurs := bytes.Contains(arguments, []byte(s.dir)) || bytes.Contains(environment, []byte("RUN_DIR="+s.dir))
		if isOurs && entry != "/proc/"+strconv.Itoa(os.Getpid()) {
			found = append(found, filepath.Base(entry)+" "+string(bytes.ReplaceAll(arguments, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func (s *stack) dumpLogs(t *testing.T) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(s.dir, "logs", "*.log"))
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err == nil {
			t.Logf("end of %s:\n%s", filepath.Base(path), text[max(0, len(text)-3000):])
		}
	}
}

// freePortBase returns a base below the ephemeral ports on which all ports of a
// stack are free.
func freePortBase(t *testing.T) int {
	t.Helper()
	for range 50 {
		base := 10_000 + 10*rand.IntN(1_200)
		if allFree(base) {
			return base
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

func allFree(base int) bool {
	for _, port := range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

func post(url, contentType, body string) (status int, answer string, err error) {
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// await polls until the condition holds, and fails the test when it does not
// within the given time.
func await(t *testing.T, within time.Duration, holds func() bool, describe func() string) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, describe())
		}
	}
}

// hasVars tells whether the stack has written its addresses yet.
func (s *stack) hasVars() bool {
	_, err := os.Stat(filepath.Join(s.dir, "env"))
	return err == nil
}
