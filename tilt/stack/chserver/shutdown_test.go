package chserver_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// A stop cancels what runs and does not wait for idle clients; the data are
// there again after it.
func TestStop(t *testing.T) {
	server := chtest.Start(t)
	idle, busy := dial(t, server), dial(t, server)
	execute(t, idle, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	require.NoError(t, insertInto(t, idle, "t"))
	scan := make(chan error, 1)
	ctx := deadline(t)
	go func() {
		var v proto.ColUInt64
		scan <- busy.Do(ctx, ch.Query{
			Body: "SELECT number AS v FROM system.numbers", Result: proto.Results{{Name: "v", Data: &v}},
			OnResult: func(context.Context, proto.Block) error { return nil },
		})
	}()
	await(t, "the scan runs", func() bool {
		return selectOne(t, idle, new(proto.ColUInt64), "SELECT count() AS v FROM system.processes WHERE query LIKE '%system.numbers%'") > 1
	})
	started := time.Now()
	server.Stop()
	require.Less(t, time.Since(started), 10*time.Second)
	require.Error(t, <-scan)
	server.Restart()
	require.Equal(t, uint64(100), count(t, dial(t, server), "t"))
}

// A stop by SIGTERM is a good end of the process, and what keeps it from
// starting is said.
func TestProcess(t *testing.T) {
	binary := chtest.Binary(t)
	command := func(arguments ...string) *exec.Cmd {
		c := exec.CommandContext(deadline(t), binary, arguments...)
		c.Dir = t.TempDir()
		return c
	}
	data := filepath.Join(t.TempDir(), "data")
	ready, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = ready.Close() }()
	running := command("--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	running.Stdout = writer
	require.NoError(t, running.Start())
	require.NoError(t, writer.Close())
	line := make([]byte, 200)
	_, err = ready.Read(line)
	require.NoError(t, err)
	require.Contains(t, string(line), "ready native=127.0.0.1:")

	output, err := command("--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "another process")
	require.NoError(t, running.Process.Signal(syscall.SIGTERM))
	require.NoError(t, running.Wait())

	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for want, arguments := range map[string][]string{
		"-data is required":      {},
		"address already in use": {"--data", data, "--listen", taken.Addr().String(), "--http", "127.0.0.1:0"},
		"make deps":              {"--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--lib", "missing.so"},
	} {
		output, err := command(arguments...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(output), want)
	}
}
