package e2e

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// `make run FOR=…` reconciles: with traffic, and with ClickHouse and each
// service killed in the middle of it, it finds no difference and exits 0.
func TestRunReconciles(t *testing.T) {
	s := newStack(t)
	output, err := s.runWhile(t, 25*time.Second, func() {
		for _, part := range []string{"clickhouse", "cdc-ingest", "events-ingest", "invalidator", "jobs"} {
			s.Kill(t, part)
		}
	})
	require.NoError(t, err, output)
	for _, table := range []string{"users", "posts", "comments", "likes", "follows", "post_events"} {
		require.Contains(t, output, table)
	}
	require.Empty(t, s.Processes(t))
}

// The reconciliation can fail: one row planted in ClickHouse is found and named,
// and the exit status says so.
func TestRunFindsAPlantedDifference(t *testing.T) {
	const planted = "0badc0de-0000-4000-8000-000000000001"
	s := newStack(t)
	output, err := s.runWhile(t, 10*time.Second, func() {
		_, err := s.ClickHouse("INSERT INTO posts (id, version) VALUES ('" + planted + "', 1)")
		require.NoError(t, err)
	})
	require.Error(t, err, output)
	require.Contains(t, output, planted)
}

// runWhile starts `run` for the given time, acts once it is under way, and
// returns what it printed and how it ended.
func (s *stack) runWhile(t *testing.T, length time.Duration, act func()) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length+4*time.Minute)
	defer cancel()
	var output bytes.Buffer
	cmd := s.Command(ctx, "run", "--for", length.String())
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	s.awaitTraffic(t, ended, &output)
	act()
	err := <-ended
	return output.String(), err
}

// awaitTraffic returns when the first sample rows are in ClickHouse.
func (s *stack) awaitTraffic(t *testing.T, ended <-chan error, output *bytes.Buffer) {
	t.Helper()
	stacktest.Await(t, 3*time.Minute, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("ended before there was traffic: %v\n%s", err, output)
		default:
		}
		if !s.HasVars() {
			return false
		}
		s.LoadVars(t)
		count, err := s.ClickHouse("SELECT count() > 0 FROM post_events")
		return err == nil && count == "1"
	}, func() string { return "no event in ClickHouse" })
}
