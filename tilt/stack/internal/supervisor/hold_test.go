package supervisor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func stopped(status supervisor.Status) bool { return status.State == supervisor.Stopped }

func ready(status supervisor.Status) bool { return status.State == supervisor.Ready }

// A part that is stopped by hand ends in order, stays away until it is started by
// hand, and is then kept running as before; the others go on all the while.
func TestStopAndStartPart(t *testing.T) {
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	part := shell("clickhouse", "echo begins >>"+journal+"; trap 'echo ends >>"+journal+"; exit 0' TERM; while :; do sleep 0.01; done")
	settled := 0
	part.Settle = func(context.Context) error { settled++; return nil }
	s, said := start(t, dir, []supervisor.Part{part}, []supervisor.Part{shell("jobs", "exec sleep 600")})
	first, other := s.Status()[0], s.Status()[1]
	require.Eventually(t, func() bool { _, err := os.Stat(journal); return err == nil }, waitFor, tick)

	require.NoError(t, s.StartPart("clickhouse"), "it runs")
	require.Equal(t, first, s.Status()[0])
	require.NoError(t, s.StopPart("clickhouse"))
	require.NotEqual(t, supervisor.Ready, s.Status()[0].State, "not even for a moment")
	require.NoError(t, s.StopPart("clickhouse"), "again")
	status := await(t, s, stopped)
	require.Zero(t, status.PID)
	require.Zero(t, status.Restarts)
	requireGone(t, first.PID)
	require.NoFileExists(t, filepath.Join(dir, "clickhouse"))
	require.Contains(t, said.String(), "clickhouse: stopped by hand")
	require.Equal(t, other, s.Status()[1])

	require.NoError(t, s.StartPart("clickhouse"))
	second := await(t, s, ready)
	require.NotEqual(t, first.PID, second.PID)
	require.Zero(t, second.Restarts)
	require.NoError(t, syscall.Kill(second.PID, syscall.SIGKILL))
	await(t, s, func(status supervisor.Status) bool { return ready(status) && status.Restarts == 1 })
	require.Equal(t, 1, settled)
	content, err := os.ReadFile(journal)
	require.NoError(t, err)
	require.Contains(t, string(content), "begins\nends\nbegins\n")
}

// A part that dies again and again can be stopped between two of its starts.
func TestStopPartThatDies(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	part := shell("kafka", "test ! -e "+made+".broken && touch "+made+" && exec sleep 600")
	part.Ready = exists(made)
	s, _ := start(t, t.TempDir(), []supervisor.Part{part})
	require.NoError(t, os.WriteFile(made+".broken", nil, 0o600))
	require.NoError(t, syscall.Kill(s.Status()[0].PID, syscall.SIGKILL))
	await(t, s, func(status supervisor.Status) bool { return status.Restarts > 2 })

	require.NoError(t, s.StopPart("kafka"))
	restarts := await(t, s, stopped).Restarts
	require.NoError(t, os.Remove(made+".broken"))
	require.NoError(t, s.StartPart("kafka"))
	require.Equal(t, restarts, await(t, s, ready).Restarts)
}

// A stack ends with its stopped parts, whether they were stopped long ago, are
// just being stopped, or are just being started again.
func TestEndWithStoppedParts(t *testing.T) {
	dir := t.TempDir()
	stages := [][]supervisor.Part{{shell("held", "exec sleep 600")}, {shell("ending", "exec sleep 600"), shell("beginning", "exec sleep 600")}}
	s := supervisor.New(config(dir), supervisor.Deps{Stages: stages, Report: func(supervisor.Report) {}})
	require.NoError(t, s.Run(t.Context(), func(context.Context) error {
		require.NoError(t, s.StopPart("held"))
		require.NoError(t, s.StopPart("beginning"))
		require.Eventually(t, func() bool { return stopped(s.Status()[0]) && stopped(s.Status()[2]) }, waitFor, tick)
		require.NoError(t, s.StartPart("beginning"))
		return s.StopPart("ending")
	}))
	for _, status := range s.Status() {
		require.Equal(t, supervisor.Stopped, status.State, status.Part)
	}
	requireNoChildren(t)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, path := range left {
		_, alive := pidfile.Read(path)
		require.False(t, alive, path)
	}
}

// What cannot be stopped is refused with the reason: tasks, servers that someone
// else runs, parts that the start still waits for, and names of nothing.
func TestStopPartRefuses(t *testing.T) {
	task := shell("migrate", "exit 0")
	task.Once = true
	theirs := supervisor.Part{Name: "redis", Ready: func(context.Context) error { return nil }}
	s, _ := start(t, t.TempDir(), []supervisor.Part{task, theirs, shell("jobs", "exec sleep 600")})
	require.EqualError(t, s.StopPart("migrate"), "stopping migrate: it is a task that has ended, not a process")
	require.EqualError(t, s.StopPart("redis"), "stopping redis: someone else runs it")
	for _, act := range []func(string) error{s.StopPart, s.StartPart} {
		err := act("job")
		require.EqualError(t, err, `no part is called "job"; there are migrate, redis, jobs`)
		var unknown *supervisor.UnknownPartError
		require.ErrorAs(t, err, &unknown)
	}

	never := shell("kafka", "exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	var starting *supervisor.Supervisor
	never.Ready = func(context.Context) error {
		defer cancel()
		assert.EqualError(t, starting.StopPart("kafka"), "stopping kafka: it has not been ready yet")
		return errors.New("starting")
	}
	starting = supervisor.New(config(t.TempDir()), supervisor.Deps{
		Stages: [][]supervisor.Part{{never}}, Report: func(supervisor.Report) {},
	})
	require.ErrorIs(t, starting.Run(ctx, until), context.Canceled)
}
