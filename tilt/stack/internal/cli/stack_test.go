package cli

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/parts"
	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/ports"
	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

const (
	waitFor = time.Minute
	tick    = 50 * time.Millisecond
)

// installed is the built program with a RUN_DIR and ports of its own.
type installed struct {
	t       *testing.T
	program string
	layout  layout.Layout
	env     []string
}

// freePorts returns a PORT_BASE at which everything is free. It stays below the
// ports that the kernel gives to clients.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 10_000 + rand.IntN(13_000)
		l, err := layout.New(layout.Config{PortBase: base}, t.TempDir())
		require.NoError(t, err)
		if ports.Check(parts.Ports(parts.Config{Layout: l, Services: true})) == nil {
			return base
		}
	}
	require.Fail(t, "no free ports")
	return 0
}

func build(t *testing.T) *installed {
	t.Helper()
	program := filepath.Join(t.TempDir(), "stack")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/stack").CombinedOutput()
	require.NoError(t, err, string(out))
	base, dir := freePorts(t), t.TempDir()
	root, err := layout.Load(dir)
	require.NoError(t, err)
	l, err := layout.New(layout.Config{PortBase: base, RunDir: dir}, root.Root)
	require.NoError(t, err)
	r := &installed{
		t: t, program: program, layout: l,
		env: append(os.Environ(), "RUN_DIR="+dir, "PORT_BASE="+strconv.Itoa(base)),
	}
	t.Cleanup(func() {
		_ = r.command(context.WithoutCancel(t.Context()), "clean").Run()
	})
	return r
}

func (r *installed) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.program, args...)
	cmd.Env = r.env
	return cmd
}

// stack runs a command to its end and returns all it wrote.
func (r *installed) stack(args ...string) (string, error) {
	r.t.Helper()
	out, err := r.command(r.t.Context(), args...).CombinedOutput()
	return string(out), err
}

// processes returns every process of the stack that is alive.
func (r *installed) processes() []pidfile.Process {
	files, err := filepath.Glob(filepath.Join(r.layout.PIDDir(), "*"))
	require.NoError(r.t, err)
	var alive []pidfile.Process
	for _, file := range append(files, r.layout.SupervisorPID()) {
		if p, ok := pidfile.Read(file); ok {
			alive = append(alive, p)
		}
	}
	return alive
}

func (r *installed) requireGone(processes []pidfile.Process) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		for _, p := range processes {
			if p.Alive() {
				return false
			}
		}
		return true
	}, waitFor, tick)
}

func (r *installed) query(sql string) string {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.layout.PostgresDSN())
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, conn.Close(r.t.Context())) }()
	var value string
	require.NoError(r.t, conn.QueryRow(r.t.Context(), sql).Scan(&value))
	return value
}

// The servers come up from nothing, survive the death of whatever watches them
// without a process or a row lost, and go without a trace.
func TestRealServers(t *testing.T) {
	r := build(t)
	r.interruptStart()

	out, err := r.stack("up", "--services=false")
	require.NoError(t, err, out)
	require.Contains(t, out, "all is ready")
	table, err := statuspage.Fetch(t.Context(), r.layout.ReadEnv("STATUS_URL"))
	require.NoError(t, err)
	for _, status := range table {
		require.Contains(t, []supervisor.State{supervisor.Ready, supervisor.Done}, status.State, status.Part)
	}
	shown, err := r.stack("status")
	require.NoError(t, err)
	require.Contains(t, shown, "connect")
	again, err := r.stack("up")
	require.NoError(t, err)
	require.Contains(t, again, "running already")
	r.refuseTakenPorts()
	r.tryOutage()

	require.Equal(t, "ada", r.query(`INSERT INTO users (email, username, password_hash) VALUES ('a@x', 'ada', 'h') RETURNING username`))
	running := r.processes()
	require.Len(t, running, 6, "five servers and the stack")
	supervising, alive := pidfile.Read(r.layout.SupervisorPID())
	require.True(t, alive)
	require.NoError(t, supervising.Signal(syscall.SIGKILL))
	r.requireGone(running)

	out, err = r.stack("up", "--services=false")
	require.NoError(t, err, out)
	require.Equal(t, "ada", r.query(`SELECT username FROM users`))
	running = r.processes()
	out, err = r.stack("stop", "clickhouse")
	require.NoError(t, err, out)
	out, err = r.stack("down")
	require.NoError(t, err, out)
	require.Equal(t, "the stack has stopped\n", out)
	for _, p := range running {
		require.False(t, p.Alive())
	}
	outside, err := filepath.EvalSymlinks(r.layout.Data("postgres"))
	require.NoError(t, err)
	out, err = r.stack("clean")
	require.NoError(t, err, out)
	require.NoDirExists(t, outside)
	require.NoDirExists(t, r.layout.Run)
}

// interruptStart holds that Ctrl-C in the middle of the first start leaves no
// process.
func (r *installed) interruptStart() {
	var out bytes.Buffer
	up := r.command(r.t.Context(), "up", "--services=false")
	up.Stdout, up.Stderr = &out, &out
	require.NoError(r.t, up.Start())
	var begun []pidfile.Process
	require.Eventually(r.t, func() bool {
		begun = r.processes()
		return len(begun) > 1
	}, waitFor, tick)
	require.NoError(r.t, up.Process.Signal(os.Interrupt))
	require.Error(r.t, up.Wait())
	require.Contains(r.t, out.String(), "nothing is left running")
	for _, p := range begun {
		require.False(r.t, p.Alive())
	}
	require.Empty(r.t, r.processes())
}

// tryOutage holds that one part can be stopped and started by hand while the
// others go on, with its data, and that what cannot be stopped is refused.
func (r *installed) tryOutage() {
	before := r.processes()
	out, err := r.stack("stop", "redis")
	require.NoError(r.t, err, out)
	require.Equal(r.t, "redis has stopped; stack start redis starts it again\n", out)
	require.Len(r.t, r.processes(), len(before)-1)
	out, err = r.stack("status")
	require.NoError(r.t, err)
	require.Regexp(r.t, `(?m)^redis +stopped +- `, out)
	out, err = r.stack("start", "redis")
	require.NoError(r.t, err, out)
	require.Equal(r.t, "redis is ready\n", out)
	require.Len(r.t, r.processes(), len(before))

	out, err = r.stack("stop", "migrate")
	require.Error(r.t, err)
	require.Contains(r.t, out, "it is a task")
	out, err = r.stack("stop", "jobs")
	require.Error(r.t, err)
	require.Contains(r.t, out, `no part is called "jobs"; there are postgres, redis, clickhouse, kafka, migrate, connect`)
}

// refuseTakenPorts holds that a second stack at the same ports says which are
// taken and by whom, and leaves the first alone.
func (r *installed) refuseTakenPorts() {
	second := r.command(r.t.Context(), "up", "--services=false", "--run-dir", r.t.TempDir())
	out, err := second.CombinedOutput()
	require.Error(r.t, err)
	require.Contains(r.t, string(out), "which redis needs, is taken by redis-server")
	require.Contains(r.t, string(out), "PORT_BASE=")
	require.Len(r.t, r.processes(), 6)
}
