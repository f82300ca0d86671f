package chserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

const maxBlockSize = "SELECT toUInt64(getSetting('max_block_size')) AS v"

// Settings reach their query and no other one of the connection; unknown ones
// are an error only when they are important.
func TestQuerySettings(t *testing.T) {
	client := dial(t, chtest.Start(t))
	read := func(settings ...ch.Setting) (uint64, error) {
		var v proto.ColUInt64
		err := client.Do(deadline(t), ch.Query{Body: maxBlockSize, Result: proto.Results{{Name: "v", Data: &v}}, Settings: settings})
		if err != nil {
			return 0, err
		}
		return v.Row(0), nil
	}
	byDefault, err := read()
	require.NoError(t, err)
	changed, err := read(ch.Setting{Key: "max_block_size", Value: "77", Important: true})
	require.NoError(t, err)
	require.Equal(t, uint64(77), changed)
	_, err = read(ch.Setting{Key: "max_block_size", Value: "not a number"})
	requireException(t, err, proto.ErrCannotParseInputAssertionFailed)
	_, err = read(ch.Setting{Key: "no_such", Value: "1", Important: true})
	requireException(t, err, proto.ErrUnknownSetting)
	again, err := read(ch.Setting{Key: "no_such", Value: "1"})
	require.NoError(t, err)
	require.Equal(t, byDefault, again)

	execute(t, client, "SET max_block_size = 55")
	_, err = read(ch.Setting{Key: "max_block_size", Value: "77"})
	require.NoError(t, err)
	kept, err := read()
	require.NoError(t, err)
	require.Equal(t, uint64(55), kept)
}

// Parameters travel as values, whatever is in them.
func TestQueryParameters(t *testing.T) {
	client := dial(t, chtest.Start(t))
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	for _, text := range []string{"", "plain", "it's", `a\b`, "tab\tline\nend", "{n:UInt8}", "ä"} {
		var v proto.ColStr
		quoted := "'" + escape(escape(text)) + "'"
		require.NoError(t, client.Do(deadline(t), ch.Query{
			Body: "SELECT {text:String} AS v", Result: proto.Results{{Name: "v", Data: &v}}, Parameters: []proto.Parameter{{Key: "text", Value: quoted}},
		}), text)
		require.Equal(t, text, v.Row(0))
	}
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body: "INSERT INTO t SELECT number FROM numbers({n:UInt64})", Parameters: ch.Parameters(map[string]any{"n": 7}),
	}))
	require.Equal(t, uint64(7), count(t, client, "t"))
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body: "INSERT INTO {table:Identifier} VALUES", Parameters: ch.Parameters(map[string]any{"table": "t"}), Input: proto.Input{{Name: "v", Data: ids(7, 1)}},
	}))
	err := client.Do(deadline(t), ch.Query{Body: "SELECT {missing:UInt64}"})
	requireException(t, err, proto.ErrUnknownQueryParameter)
}

// escape writes a text as ClickHouse's escaped form and its string literals
// want it: a parameter is a literal of an escaped value.
func escape(text string) string {
	var escaped []byte
	for _, c := range []byte(text) {
		switch c {
		case '\\', '\'':
			escaped = append(escaped, '\\', c)
		case '\t':
			escaped = append(escaped, '\\', 't')
		case '\n':
			escaped = append(escaped, '\\', 'n')
		default:
			escaped = append(escaped, c)
		}
	}
	return string(escaped)
}

// Errors have ClickHouse's codes, at the start and in the middle of a result,
// and the connection serves the next query.
func TestQueryExceptions(t *testing.T) {
	client := dial(t, chtest.Start(t))
	for sql, code := range map[string]proto.Error{
		"SELECT v FROM missing": proto.ErrUnknownTable,
		"SELECT missing":        proto.ErrUnknownIdentifier,
		"SELEC 1":               proto.ErrSyntaxError,
		"":                      proto.ErrSyntaxError,
		"SELECT 1; SELECT 2":    proto.ErrSyntaxError,
		"SELECT throwIf(number = 300000) FROM numbers(1000000)": proto.ErrFunctionThrowIfValueIsNonZero,
		"SELECT sleep(3) SETTINGS max_execution_time = 1":       proto.ErrTimeoutExceeded,
		"DROP TABLE missing":            proto.ErrUnknownTable,
		"USE missing":                   proto.ErrUnknownDatabase,
		"SELECT 1 SETTINGS no_such = 1": proto.ErrUnknownSetting,
	} {
		var v proto.ColAuto
		err := client.Do(deadline(t), ch.Query{
			Body: sql, Result: proto.Results{{Data: &v}}, OnResult: func(context.Context, proto.Block) error { return nil },
		})
		requireException(t, err, code)
		require.NoError(t, client.Ping(deadline(t)), sql)
	}
}

// Statements without a result, and results that are not a SELECT's, work; an
// empty SELECT still tells its columns.
func TestStatements(t *testing.T) {
	client := dial(t, chtest.Start(t))
	for _, sql := range []string{
		"CREATE TABLE t (a UInt64, b LowCardinality(String)) ENGINE = MergeTree ORDER BY a", "SYSTEM FLUSH LOGS", "OPTIMIZE TABLE t FINAL",
		"ALTER TABLE t ADD COLUMN c String", "CREATE TEMPORARY TABLE mine (a UInt64)", "INSERT INTO mine VALUES (1)", "USE nova", "TRUNCATE TABLE t",
	} {
		execute(t, client, sql)
	}
	require.Equal(t, uint64(1), count(t, client, "mine"))
	for sql, name := range map[string]string{"SHOW TABLES LIKE 't'": "name", "EXPLAIN SELECT 1": "explain", "EXISTS TABLE t": "result", "SELECT 1 AS v FORMAT JSON;": "v"} {
		var columns proto.Results
		require.NoError(t, client.Do(deadline(t), ch.Query{
			Body: sql, Result: columns.Auto(), OnResult: func(context.Context, proto.Block) error { return nil },
		}), sql)
		require.Equal(t, name, columns[0].Name, sql)
	}
	err := client.Do(deadline(t), ch.Query{Body: "SELECT 1", ExternalData: []proto.InputColumn{{Name: "v", Data: ids(0, 3)}}})
	requireException(t, err, proto.ErrNotImplemented)
	var columns proto.Results
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: "SELECT a, c AS other FROM t WHERE a > {n:UInt64};", Result: columns.Auto(), Parameters: ch.Parameters(map[string]any{"n": 1})}))
	require.Len(t, columns, 2)
	require.Equal(t, "other", columns[1].Name)
	require.Equal(t, proto.ColumnTypeUInt64, columns[0].Data.Type())
}

// Progress adds up to what was read and written, and the profile to what was
// returned.
func TestProgress(t *testing.T) {
	client := dial(t, chtest.Start(t))
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	execute(t, client, "CREATE TABLE target (v UInt64) ENGINE = MergeTree ORDER BY v")
	execute(t, client, "CREATE MATERIALIZED VIEW view TO target AS SELECT v FROM t")
	var progress proto.Progress
	var profile proto.Profile
	do := func(q ch.Query) {
		t.Helper()
		progress, profile = proto.Progress{}, proto.Profile{}
		q.OnProgress = func(_ context.Context, p proto.Progress) error {
			progress.Rows += p.Rows
			progress.Bytes += p.Bytes
			progress.WroteRows += p.WroteRows
			progress.WroteBytes += p.WroteBytes
			return nil
		}
		q.OnProfile = func(_ context.Context, p proto.Profile) error {
			profile = p
			return nil
		}
		require.NoError(t, client.Do(deadline(t), q), q.Body)
	}
	do(ch.Query{Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: ids(0, 1000)}}})
	require.Equal(t, uint64(2000), progress.WroteRows, "the view's rows count as well")
	require.NotZero(t, progress.WroteBytes)
	do(ch.Query{Body: "INSERT INTO target SELECT number FROM numbers(500)"})
	require.Equal(t, uint64(500), progress.WroteRows)
	var v proto.ColUInt64
	do(ch.Query{Body: "SELECT v FROM t WHERE v % 2 = 0", Result: proto.Results{{Name: "v", Data: &v}}})
	require.Equal(t, uint64(1000), progress.Rows)
	require.Equal(t, uint64(500), profile.Rows)
	require.Equal(t, uint64(1), profile.Blocks)
	require.NotZero(t, profile.Bytes)
}

// Cancel ends a query at once, before its first row and between rows, and the
// server goes on.
func TestCancel(t *testing.T) {
	server := chtest.Start(t)
	observer := dial(t, server)
	const running = "SELECT count() AS v FROM system.processes WHERE query LIKE '%cancel me%' AND query NOT LIKE '%processes%'"
	for _, sql := range []string{
		"SELECT /* cancel me */ sum(cityHash64(number)) AS v FROM numbers(1000000000000)",
		"SELECT number AS v /* cancel me */ FROM system.numbers",
	} {
		client := dial(t, server)
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		done := make(chan error, 1)
		go func() {
			var v proto.ColUInt64
			done <- client.Do(ctx, ch.Query{Body: sql, Result: proto.Results{{Name: "v", Data: &v}}, OnResult: func(context.Context, proto.Block) error { return nil }})
		}()
		isRunning := func() bool { return selectOne(t, observer, new(proto.ColUInt64), running) > 0 }
		await(t, "the query runs", isRunning)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		await(t, "the query has ended", func() bool { return !isRunning() })
	}
}

// An INSERT that is cancelled, or whose client goes, stores no block that is
// not whole, and frees the table.
func TestCancelInsert(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	failed := errors.New("no more")
	err := client.Do(deadline(t), ch.Query{
		Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: ids(0, 1000)}},
		OnInput: func(context.Context) error { return failed },
	})
	require.ErrorIs(t, err, failed)
	client = dial(t, server)
	execute(t, client, "DROP TABLE t SYNC")
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	require.Zero(t, count(t, client, "t"))
}

// Eight connections work side by side, and inserts do not wait for a scan.
func TestSideBySide(t *testing.T) {
	server := chtest.Start(t)
	execute(t, dial(t, server), "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	scanner := dial(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	scan := make(chan time.Duration, 1)
	go func() {
		started := time.Now()
		var v proto.ColUInt64
		_ = scanner.Do(ctx, ch.Query{ // cancelled when the inserts are done
			Body:     "SELECT sum(cityHash64(number, number + 1)) AS v FROM numbers(1000000000000)",
			Result:   proto.Results{{Name: "v", Data: &v}},
			Settings: []ch.Setting{{Key: "max_threads", Value: "1"}},
		})
		scan <- time.Since(started)
	}()
	observer := dial(t, server)
	await(t, "the scan runs", func() bool {
		return selectOne(t, observer, new(proto.ColUInt64), "SELECT count() AS v FROM system.processes WHERE query LIKE '%cityHash64%' AND query NOT LIKE '%processes%'") > 0
	})

	const writers, batches, rows = 7, 20, 100
	latencies := make([][]time.Duration, writers)
	var group sync.WaitGroup
	for w := range writers {
		client := dial(t, server)
		group.Go(func() {
			for b := range batches {
				started := time.Now()
				if err := client.Do(deadline(t), ch.Query{
					Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: ids((w*batches+b)*rows, rows)}},
				}); err != nil {
					t.Error(err)
					return
				}
				latencies[w] = append(latencies[w], time.Since(started))
			}
		})
	}
	group.Wait()
	cancel()
	scanned := <-scan
	require.Equal(t, uint64(writers*batches*rows), selectOne(t, observer, new(proto.ColUInt64), "SELECT uniqExact(v) AS v FROM t"))
	all := slices.Sorted(slices.Values(slices.Concat(latencies...)))
	median := all[len(all)/2]
	t.Logf("median insert %v, slowest %v, while a scan ran for %v", median, all[len(all)-1], scanned)
	require.Less(t, median*10, scanned, fmt.Sprint(all))
}
