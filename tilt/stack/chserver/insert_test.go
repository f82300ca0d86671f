package chserver_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// Blocks of every size arrive whole, each as one part, whatever the
// compression, and come back the same.
func TestBlocks(t *testing.T) {
	server := chtest.Start(t)
	for name, compression := range map[string]ch.Compression{
		"disabled": ch.CompressionDisabled, "none": ch.CompressionNone, "lz4": ch.CompressionLZ4, "lz4hc": ch.CompressionLZ4HC, "zstd": ch.CompressionZSTD,
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, server, func(o *ch.Options) { o.Compression = compression })
			execute(t, client, "CREATE OR REPLACE TABLE t (id UInt64, body String) ENGINE = MergeTree ORDER BY id")
			execute(t, client, "SYSTEM STOP MERGES t")
			total := 0
			for parts, rows := range []int{1, 2, 1000, 65_536, 100_000} {
				insertBodies(t, client, total, rows)
				total += rows
				require.Equal(t, uint64(parts+1), selectOne(t, client, new(proto.ColUInt64),
					"SELECT count() AS v FROM system.parts WHERE database = 'nova' AND table = 't' AND active"))
			}
			requireBodies(t, client, total)
		})
	}
}

func insertBodies(t *testing.T, client *ch.Client, from, rows int) {
	t.Helper()
	bodies := new(proto.ColStr)
	for i := range rows {
		bodies.Append(fmt.Sprintf("body of %d", from+i))
	}
	input := proto.Input{{Name: "id", Data: ids(from, rows)}, {Name: "body", Data: bodies}}
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: input.Into("t"), Input: input}))
}

// requireBodies reads the whole table and compares every row.
func requireBodies(t *testing.T, client *ch.Client, rows int) {
	t.Helper()
	var id proto.ColUInt64
	var body proto.ColStr
	next := 0
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body:   "SELECT id, body FROM t ORDER BY id",
		Result: proto.Results{{Name: "id", Data: &id}, {Name: "body", Data: &body}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range id {
				if id[i] != uint64(next) || body.Row(i) != fmt.Sprintf("body of %d", next) {
					return fmt.Errorf("row %d is %d %q", next, id[i], body.Row(i))
				}
				next++
			}
			return nil
		},
	}))
	require.Equal(t, rows, next)
}

// Many blocks of one INSERT all arrive; the connection serves the next query.
func TestManyBlocks(t *testing.T) {
	client := dial(t, chtest.Start(t))
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	block, sent := ids(0, 1000), 0
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body: "INSERT INTO t (v) VALUES", Input: proto.Input{{Name: "v", Data: block}},
		OnInput: func(context.Context) error {
			if sent++; sent == 50 {
				block.Reset()
				return io.EOF
			}
			*block = *ids(sent*1000, 1000)
			return nil
		},
	}))
	require.Equal(t, uint64(50_000), selectOne(t, client, new(proto.ColUInt64), "SELECT uniqExact(v) AS v FROM t"))
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body: "INSERT INTO t (v) VALUES", Input: proto.Input{{Name: "v", Data: new(proto.ColUInt64)}},
		OnInput: func(context.Context) error { return io.EOF },
	}))
	require.Equal(t, uint64(50_000), count(t, client, "t"))
}

// An INSERT works in each way of writing it; columns left out have defaults,
// and the order of columns is the client's.
func TestInsertForms(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (a UInt64, b String DEFAULT 'b', c UInt64 MATERIALIZED a + 1, d UInt64 ALIAS a) ENGINE = MergeTree ORDER BY a")
	text := func() *proto.ColStr {
		column := new(proto.ColStr)
		column.Append("x")
		return column
	}
	execute(t, client, "SET describe_compact_output = 1, describe_include_subcolumns = 1")
	for i, test := range []struct {
		sql   string
		input proto.Input
	}{
		{"INSERT INTO t VALUES", proto.Input{{Name: "a", Data: ids(0, 1)}, {Name: "b", Data: text()}}},
		{"INSERT INTO t (a) FORMAT Native", proto.Input{{Name: "a", Data: ids(1, 1)}}},
		{"insert into `nova`.\"t\" (b, a) settings max_threads = 1 values", proto.Input{{Name: "b", Data: text()}, {Name: "a", Data: ids(2, 1)}}},
		{"/* x */ INSERT INTO TABLE t (*) FORMAT JSONEachRow", proto.Input{{Name: "a", Data: ids(3, 1)}, {Name: "b", Data: text()}}},
		{"INSERT INTO t (a)", proto.Input{{Name: "a", Data: ids(4, 1)}}},
	} {
		require.NoError(t, client.Do(deadline(t), ch.Query{Body: test.sql, Input: test.input}), test.sql)
		require.Equal(t, uint64(i+1), count(t, client, "t"), test.sql)
	}
	for _, sql := range []string{
		"INSERT INTO t (a) VALUES (5), (6)", `INSERT INTO t FORMAT JSONEachRow {"a": 7}`, "INSERT INTO t (a) SELECT 8", "INSERT INTO t (a) WITH 9 AS n SELECT n",
	} {
		execute(t, client, sql)
	}
	require.Equal(t, "0\tx\t1\n1\tb\t2\n2\tx\t3\n3\tx\t4\n4\tb\t5\n5\tb\t6\n6\tb\t7\n7\tb\t8\n8\tb\t9\n9\tb\t10", server.Query("SELECT a, b, c FROM t ORDER BY a"))
}

// Errors before the first block have ClickHouse's codes and leave the
// connection usable.
func TestInsertRefused(t *testing.T) {
	client := dial(t, chtest.Start(t))
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	input := proto.Input{{Name: "v", Data: ids(0, 1)}}
	for sql, code := range map[string]proto.Error{
		"INSERT INTO missing VALUES":                    proto.ErrUnknownTable,
		"INSERT INTO missing.t VALUES":                  proto.ErrUnknownDatabase,
		"INSERT INTO t (w) VALUES":                      proto.ErrNoSuchColumnInTable,
		"INSERT INTO t (v) SETTINGS no_such = 1 VALUES": proto.ErrUnknownSetting,
		"INSERT INTO t (v, v) VALUES":                   proto.ErrDuplicateColumn,
		"INSERT INTO t (* EXCEPT v) VALUES":             proto.ErrNotImplemented,
		"INSERT INTO t wrong VALUES":                    proto.ErrSyntaxError,
	} {
		requireException(t, client.Do(deadline(t), ch.Query{Body: sql, Input: input}), code)
		require.Zero(t, count(t, client, "t"), sql)
	}
}

// An error in the middle of an INSERT has ClickHouse's code; blocks before it
// may be stored, and the connection goes on when the client has sent its last
// block, as with ClickHouse.
func TestInsertFailsInTheMiddle(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v UInt64, CONSTRAINT small CHECK v < 100) ENGINE = MergeTree ORDER BY v")
	execute(t, client, "CREATE TABLE thrown (v UInt64) ENGINE = MergeTree ORDER BY v")
	execute(t, client, "CREATE TABLE target (v UInt64) ENGINE = MergeTree ORDER BY v")
	execute(t, client, "CREATE MATERIALIZED VIEW view TO target AS SELECT throwIf(v = 7, 'seven') + v AS v FROM thrown")
	for _, test := range []struct {
		table string
		bad   uint64
		code  proto.Error
	}{
		{"t", 100, proto.ErrViolatedConstraint},
		{"thrown", 7, proto.ErrFunctionThrowIfValueIsNonZero},
	} {
		block, sent := ids(0, 1), 0
		err := client.Do(deadline(t), ch.Query{
			Body: "INSERT INTO " + test.table + " VALUES", Input: proto.Input{{Name: "v", Data: block}},
			OnInput: func(ctx context.Context) error {
				(*block)[0] = test.bad
				if sent++; sent > 20 {
					return io.EOF
				}
				return ctx.Err()
			},
		})
		requireException(t, err, test.code)
		_ = client.Close() // ch-go may have stopped sending anywhere in it
		client = dial(t, server)
	}
	for _, sql := range []string{"INSERT INTO t VALUES", "INSERT INTO thrown VALUES"} {
		err := client.Do(deadline(t), ch.Query{Body: sql, Input: proto.Input{{Name: "v", Data: &proto.ColUInt64{7, 100}}}})
		require.Error(t, err, sql)
		require.True(t, ch.IsException(err), sql)
		require.Equal(t, uint64(1), selectOne(t, client, new(proto.ColUInt64), "SELECT toUInt64(1) AS v"))
	}
}

// A value of a wrong type is refused by name or converted, never misread.
func TestInsertConverts(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	texts := new(proto.ColStr)
	texts.Append("42")
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: texts}}}))
	require.Equal(t, "42", server.Query("SELECT v FROM t"))
	texts.Append("not a number")
	err := client.Do(deadline(t), ch.Query{Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: texts}}})
	require.True(t, ch.IsException(err), err)
	require.Equal(t, "42", server.Query("SELECT v FROM t"))
}

// A repeated token is dropped in the table and in the views that depend on it,
// for a block of three months, which is three parts; another token is not.
func TestInsertToken(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	const window = " SETTINGS non_replicated_deduplication_window = 1000"
	execute(t, client, "CREATE TABLE events (at DateTime, post UInt64) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY post"+window)
	execute(t, client, "CREATE TABLE hourly (hour DateTime, post UInt64, n Int64) ENGINE = SummingMergeTree PARTITION BY toYYYYMM(hour) ORDER BY (hour, post)"+window)
	execute(t, client, "CREATE TABLE posts (post UInt64, n Int64) ENGINE = SummingMergeTree ORDER BY post"+window)
	execute(t, client, "CREATE MATERIALIZED VIEW to_hourly TO hourly AS SELECT toStartOfHour(at) AS hour, post, count() AS n FROM events GROUP BY hour, post")
	execute(t, client, "CREATE MATERIALIZED VIEW to_posts TO posts AS SELECT post, count() AS n FROM events GROUP BY post")
	insert := func(token string) {
		t.Helper()
		times, post := &proto.ColDateTime{Location: time.UTC}, new(proto.ColUInt64)
		for i := range 3000 {
			times.Append(time.Date(2026, time.Month(9+i%3), 1+i%28, i%24, 0, 0, 0, time.UTC))
			post.Append(uint64(i % 7))
		}
		input := proto.Input{{Name: "at", Data: times}, {Name: "post", Data: post}}
		require.NoError(t, client.Do(deadline(t), ch.Query{Body: input.Into("events"), Input: input, Settings: tokenSettings(token)}))
	}
	expect := func(batches int) {
		t.Helper()
		want := strconv.Itoa(3000 * batches)
		require.Equal(t, want, server.Query("SELECT count() FROM events"))
		require.Equal(t, want, server.Query("SELECT sum(n) FROM hourly"))
		require.Equal(t, want, server.Query("SELECT sum(n) FROM posts"))
		require.Equal(t,
			server.Query("SELECT toStartOfHour(at) AS hour, post, count() FROM events GROUP BY ALL ORDER BY ALL"),
			server.Query("SELECT hour, post, sum(n) FROM hourly GROUP BY ALL ORDER BY ALL"))
	}
	insert("first")
	expect(1)
	insert("first")
	expect(1)
	insert("second")
	expect(2)
	insert("first")
	expect(2)
}

func tokenSettings(token string) []ch.Setting {
	return []ch.Setting{
		{Key: "insert_deduplication_token", Value: token, Important: true},
		{Key: "insert_deduplicate", Value: "1", Important: true},
		{Key: "deduplicate_insert", Value: "enable", Important: true},
		{Key: "deduplicate_blocks_in_dependent_materialized_views", Value: "1", Important: true},
		{Key: "async_insert", Value: "0", Important: true},
		{Key: "max_insert_threads", Value: "1", Important: true},
		{Key: "max_partitions_per_insert_block", Value: "0", Important: true},
	}
}

// Settings of an INSERT hold for it alone, and its own clause wins over them.
func TestInsertSettings(t *testing.T) {
	client := dial(t, chtest.Start(t))
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree PARTITION BY v ORDER BY v")
	insert := func(clause string, settings ...ch.Setting) error {
		return client.Do(deadline(t), ch.Query{
			Body: "INSERT INTO t (v) " + clause + " VALUES", Input: proto.Input{{Name: "v", Data: ids(0, 5)}}, Settings: settings,
		})
	}
	one := ch.Setting{Key: "max_partitions_per_insert_block", Value: "1", Important: true}
	requireException(t, insert("", one), proto.ErrTooManyParts)
	require.NoError(t, insert("SETTINGS max_partitions_per_insert_block = 10", one))
	require.NoError(t, insert(""))
	requireException(t, insert("", ch.Setting{Key: "no_such_setting", Value: "1", Important: true}), proto.ErrUnknownSetting)
	require.NoError(t, insert("", ch.Setting{Key: "no_such_setting", Value: "1"}))
}
