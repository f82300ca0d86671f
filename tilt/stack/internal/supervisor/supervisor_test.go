package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

const (
	waitFor = 15 * time.Second
	tick    = 10 * time.Millisecond
)

// supervisorDir asks the test binary to be a supervisor for TestKilledSupervisor.
const supervisorDir = "NOVA_TEST_SUPERVISOR_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(supervisorDir); dir != "" {
		s := supervisor.New(config(dir), supervisor.Deps{
			Stages: [][]supervisor.Part{{shell("part", "exec sleep 600")}},
			Report: func(supervisor.Report) {},
		})
		_ = s.Run(context.Background(), until)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func config(dir string) supervisor.Config {
	return supervisor.Config{
		LogDir: dir, PIDDir: dir, Attempts: 2,
		Pause: time.Millisecond, MaxPause: 10 * time.Millisecond,
		Grace: 300 * time.Millisecond, Watch: 20 * time.Millisecond,
	}
}

// until is work that lasts until its context ends.
func until(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func shell(name, script string) supervisor.Part {
	return supervisor.Part{Name: name, Command: &supervisor.Command{Path: "/bin/sh", Args: []string{"-c", script}}}
}

// exists is a probe that finds a part ready when it has made a file.
func exists(path string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(path)
		return err
	}
}

// reports collects what a supervisor says.
type reports struct {
	mu    sync.Mutex
	lines []string
}

func (r *reports) add(report supervisor.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, report.Part+": "+report.Text)
}

func (r *reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func start(t *testing.T, dir string, stages ...[]supervisor.Part) (*supervisor.Supervisor, *reports) {
	t.Helper()
	said := &reports{}
	s := supervisor.New(config(dir), supervisor.Deps{Stages: stages, Report: said.add})
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(ctx context.Context) error {
			close(ready)
			return until(ctx)
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	}
	return s, said
}

// await returns the status of the only part once it satisfies condition.
func await(t *testing.T, s *supervisor.Supervisor, condition func(supervisor.Status) bool) supervisor.Status {
	t.Helper()
	require.Eventually(t, func() bool { return condition(s.Status()[0]) }, waitFor, tick)
	return s.Status()[0]
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := pidfile.Of(pid); return err != nil }, waitFor, tick, "process %d is left", pid)
}

// A stage begins when the one before it is ready and settled, and parts end last
// first, each before the next is asked.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	part := func(name string) supervisor.Part {
		made := filepath.Join(dir, name+".made")
		p := shell(name, fmt.Sprintf(
			`trap 'echo %[1]s ends >>%[2]s; exit' TERM; echo %[1]s begins >>%[2]s; touch %[3]s; while :; do sleep 0.02; done`, name, journal, made))
		p.Ready = exists(made)
		return p
	}
	postgres := part("postgres")
	postgres.Prepare = func(context.Context) error { return appendLine(journal, "postgres prepared") }
	postgres.Settle = func(context.Context) error { return appendLine(journal, "postgres settled") }
	migrate := shell("migrate", "echo migrated >>"+journal)
	migrate.Once = true

	s := supervisor.New(config(dir), supervisor.Deps{
		Stages: [][]supervisor.Part{{postgres}, {migrate}, {part("connect")}},
		Report: func(supervisor.Report) {},
	})
	require.NoError(t, s.Run(t.Context(), func(context.Context) error { return nil }))

	content, err := os.ReadFile(journal)
	require.NoError(t, err)
	require.Equal(t, []string{
		"postgres prepared", "postgres begins", "postgres settled", "migrated", "connect begins", "connect ends", "postgres ends",
	}, strings.Split(strings.TrimSpace(string(content)), "\n"))
	require.Equal(t, []supervisor.State{supervisor.Stopped, supervisor.Done, supervisor.Stopped},
		[]supervisor.State{s.Status()[0].State, s.Status()[1].State, s.Status()[2].State})
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}

// A part that dies is started again, and its death reported with the end of its
// log.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s, said := start(t, dir, []supervisor.Part{shell("redis", "echo last words; exec sleep 600")})
	first := s.Status()[0]
	require.Equal(t, supervisor.Ready, first.State)
	recorded, alive := pidfile.Read(filepath.Join(dir, "redis"))
	require.True(t, alive)
	require.Equal(t, first.PID, recorded.PID)
	require.Eventually(t, func() bool { return logged(t, dir, "redis", "last words") }, waitFor, tick)

	require.NoError(t, syscall.Kill(first.PID, syscall.SIGKILL))
	second := await(t, s, func(status supervisor.Status) bool {
		return status.Restarts == 1 && status.State == supervisor.Ready
	})
	require.NotEqual(t, first.PID, second.PID)
	require.Contains(t, said.String(), "redis: ended (signal: killed)")
	require.Contains(t, said.String(), "  | last words")
}

func logged(t *testing.T, dir, part, text string) bool {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, part+".log"))
	require.NoError(t, err)
	return strings.Contains(string(content), text)
}

// A part that was ready is started again for ever, however often it fails then.
func TestRestartsForEverOnceReady(t *testing.T) {
	dir := t.TempDir()
	made := filepath.Join(dir, "made")
	part := shell("kafka", "test ! -e "+made+".broken && touch "+made+" && exec sleep 600")
	part.Ready = exists(made)
	s, _ := start(t, dir, []supervisor.Part{part})

	require.NoError(t, os.WriteFile(made+".broken", nil, 0o600))
	require.NoError(t, syscall.Kill(s.Status()[0].PID, syscall.SIGKILL))
	await(t, s, func(status supervisor.Status) bool { return status.Restarts > 2*config(dir).Attempts })
	require.NoError(t, os.Remove(made+".broken"))
	await(t, s, func(status supervisor.Status) bool { return status.State == supervisor.Ready })
}

// A part whose probe says that it is broken is started again although it runs; a
// probe that merely fails shows in the status and no more.
func TestBrokenPart(t *testing.T) {
	var mu sync.Mutex
	var health error
	setHealth := func(err error) { mu.Lock(); defer mu.Unlock(); health = err }
	part := shell("connect", "exec sleep 600")
	part.Ready = func(context.Context) error { mu.Lock(); defer mu.Unlock(); return health }
	s, _ := start(t, t.TempDir(), []supervisor.Part{part})

	setHealth(errors.New("no answer"))
	status := await(t, s, func(status supervisor.Status) bool { return status.Problem == "no answer" })
	require.Equal(t, supervisor.Ready, status.State)
	require.Zero(t, status.Restarts)

	setHealth(fmt.Errorf("task failed: %w", supervisor.ErrBroken))
	await(t, s, func(status supervisor.Status) bool { return status.Restarts > 0 })
	setHealth(nil)
	await(t, s, func(status supervisor.Status) bool {
		return status.State == supervisor.Ready && status.Problem == ""
	})
}

// A start that fails says which part, why, and the end of its log, and leaves no
// process of any part.
func TestFailedStart(t *testing.T) {
	never := func(context.Context) error { return errors.New("connection refused") }
	ends := shell("kafka", "echo no space left; exit 7")
	ends.Ready = never
	hangs := shell("clickhouse", "echo opening tables; exec sleep 600")
	hangs.Ready, hangs.Patience = never, 200*time.Millisecond
	foreign := supervisor.Part{Name: "redis", Ready: never, Patience: 50 * time.Millisecond}
	task := shell("migrate", "echo schema drift; exit 3")
	task.Once = true
	unprepared := shell("kafka", "exec sleep 600")
	unprepared.Prepare = func(context.Context) error { return errors.New("disk full") }
	unsettled := shell("postgres", "exec sleep 600")
	unsettled.Settle = func(context.Context) error { return errors.New("syntax error") }
	missing := supervisor.Part{Name: "jobs", Command: &supervisor.Command{Path: "/nonexistent/jobs"}}

	for name, test := range map[string]struct {
		part supervisor.Part
		want []string
	}{
		"ends":      {ends, []string{"kafka: ended (exit status 7)", "| no space left"}},
		"hangs":     {hangs, []string{"clickhouse: not ready after 200ms: connection refused", "| opening tables"}},
		"foreign":   {foreign, []string{"redis: not ready after 50ms: connection refused"}},
		"task":      {task, []string{"migrate: ended (exit status 3)", "| schema drift"}},
		"prepare":   {unprepared, []string{"kafka: preparing: disk full"}},
		"settle":    {unsettled, []string{"postgres: setting up: syntax error"}},
		"no binary": {missing, []string{"jobs: starting /nonexistent/jobs: ", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := supervisor.New(config(t.TempDir()), supervisor.Deps{
				Stages: [][]supervisor.Part{{shell("first", "exec sleep 600")}, {test.part, shell("beside", "exec sleep 600")}},
				Report: func(supervisor.Report) {},
			})
			err := s.Run(t.Context(), func(context.Context) error { return errors.New("must not be called") })
			for _, text := range test.want {
				require.ErrorContains(t, err, text)
			}
			require.Equal(t, supervisor.Failed, s.Status()[1].State)
			for _, status := range s.Status() {
				require.Zero(t, status.PID, status.Part)
			}
			requireNoChildren(t)
		})
	}
}

// requireNoChildren holds that the test process has no child left.
func requireNoChildren(t *testing.T) {
	t.Helper()
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	require.ErrorIs(t, err, syscall.ECHILD)
}

// A start that is cancelled ends what it has started and returns why.
func TestCancelledStart(t *testing.T) {
	part := shell("kafka", "exec sleep 600")
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	part.Ready = func(context.Context) error { cancel(interrupted); return errors.New("starting") }
	s := supervisor.New(config(t.TempDir()), supervisor.Deps{
		Stages: [][]supervisor.Part{{part}, {shell("never", "exec sleep 600")}},
		Report: func(supervisor.Report) {},
	})
	require.ErrorIs(t, s.Run(ctx, until), interrupted)
	require.Equal(t, supervisor.Waiting, s.Status()[1].State)
	requireNoChildren(t)
}

// A part that ignores its stop signal goes anyway, with the processes it made.
func TestStubbornGroup(t *testing.T) {
	dir := t.TempDir()
	child := filepath.Join(dir, "child")
	part := shell("stubborn", "trap '' TERM; sleep 600 & echo $! >"+child+".next; mv "+child+".next "+child+"; wait; wait")
	part.Ready = exists(child)
	var grandchild int
	s := supervisor.New(config(dir), supervisor.Deps{Stages: [][]supervisor.Part{{part}}, Report: func(supervisor.Report) {}})
	require.NoError(t, s.Run(t.Context(), func(context.Context) error {
		content, err := os.ReadFile(child)
		if err != nil {
			return err
		}
		_, err = fmt.Sscan(string(content), &grandchild)
		return err
	}))
	require.NotZero(t, grandchild)
	requireGone(t, grandchild)
}

// kill -9 of the supervisor ends its parts: no stack is left without anyone to
// stop it.
func TestKilledSupervisor(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), supervisorDir+"="+dir)
	require.NoError(t, cmd.Start())

	var part pidfile.Process
	require.Eventually(t, func() bool {
		var alive bool
		part, alive = pidfile.Read(filepath.Join(dir, "part"))
		return alive
	}, waitFor, tick)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	requireGone(t, part.PID)
}
