package clickhouse_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
	"github.com/nova-data/nova/pkg/tlsclient/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a pool for addresses; change alters its configuration, which
// otherwise is the default one.
func open(t *testing.T, change func(*clickhouse.Config), addresses ...string) *clickhouse.Pool {
	t.Helper()
	var cfg struct {
		ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
	}
	t.Setenv("CLICKHOUSE_ADDR", strings.Join(addresses, ","))
	require.NoError(t, config.Load(&cfg))
	change(&cfg.ClickHouse)
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{
		Log: slog.New(slog.DiscardHandler), Meter: noop.NewMeterProvider().Meter(""),
	})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func unchanged(*clickhouse.Config) {}

// scalar returns the only value of a query's only row.
func scalar[T any](t *testing.T, pool *clickhouse.Pool, sql string, parameters clickhouse.Parameters) T {
	t.Helper()
	var value T
	rows := 0
	require.NoError(t, pool.Query(t.Context(), sql, parameters, func(reader *block.Reader) error {
		rows += reader.Rows()
		return reader.Scan(0, &value)
	}))
	require.Equal(t, 1, rows, sql)
	return value
}

// TestInsertStoresEveryType holds that a block of every column type arrives as
// it was built, with each compression, and again after Reset.
func TestInsertStoresEveryType(t *testing.T) {
	server := chtest.Start(t)
	server.Exec(`CREATE TABLE every (
		id UUID, i8 Int8, i16 Int16, i32 Int32, i64 Int64, u8 UInt8, u16 UInt16, u32 UInt32, u64 UInt64, f64 Float64, b Bool,
		s String, ns Nullable(String), lc LowCardinality(String), m Map(String, String),
		ms DateTime64(3, 'UTC'), us DateTime64(6, 'UTC'), nus Nullable(DateTime64(6, 'UTC')), nid Nullable(UUID), nu64 Nullable(UInt64)
	) ENGINE = MergeTree ORDER BY i64`)
	for _, compression := range []clickhouse.Compression{clickhouse.LZ4, clickhouse.ZSTD, clickhouse.NoCompression} {
		t.Run(string(compression), func(t *testing.T) {
			server.Exec("TRUNCATE TABLE every")
			pool := open(t, func(cfg *clickhouse.Config) { cfg.Compression = compression }, server.Addr)
			columns := newEvery()
			for range 2 {
				columns.block.Reset()
				columns.appendRow(t, "a'b\\c\n")
				columns.appendDefaults()
				require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "every", Block: columns.block}))
			}
			assert.Equal(t, "00000000-0000-0000-0000-000000000000\t0\t0\t0\t0\t0\t0\t0\t0\t0\tfalse\t\t\\N\t\t{}\t"+
				"1970-01-01 00:00:00.000\t1970-01-01 00:00:00.000000\t\\N\t\\N\t\\N", server.Query("SELECT DISTINCT * FROM every WHERE i64 = 0"))
			assert.Equal(t, "6ba7b810-9dad-11d1-80b4-00c04fd430c8\t-8\t-16\t-32\t-64\t8\t16\t32\t18446744073709551615\t1.5\ttrue\t"+
				`a\'b\\c\n`+"\t"+`a\'b\\c\n`+"\tios\t{'k':'v'}\t1969-12-31 23:59:59.999\t2299-12-31 23:59:59.999999\t"+
				"1900-01-01 00:00:00.000000\t6ba7b810-9dad-11d1-80b4-00c04fd430c8\t7", server.Query("SELECT DISTINCT * FROM every WHERE i64 != 0"))
			assert.Equal(t, int64(4), scalar[int64](t, pool, "SELECT count() FROM every", nil))
		})
	}
}

// TestRowsComeBackTyped holds that Query reads every type that the schema uses,
// over several blocks, and that a caller's own error ends it.
func TestRowsComeBackTyped(t *testing.T) {
	server := chtest.Start(t)
	pool := open(t, unchanged, server.Addr)
	var numbers, blocks int
	require.NoError(t, pool.Query(t.Context(), "SELECT number FROM numbers(200000)", nil, func(reader *block.Reader) error {
		blocks++
		for row := range reader.Rows() {
			var number uint64
			if err := reader.Scan(row, &number); err != nil {
				return err
			}
			numbers++
		}
		return nil
	}))
	assert.Equal(t, 200_000, numbers)
	assert.Greater(t, blocks, 1)

	errEnough := errors.New("enough")
	require.ErrorIs(t, pool.Query(t.Context(), "SELECT number FROM numbers(1000000)", nil, func(*block.Reader) error { return errEnough }), errEnough)

	var text string
	err := pool.Query(t.Context(), "SELECT CAST(NULL AS Nullable(String)) AS missing", nil, func(reader *block.Reader) error {
		return reader.Scan(0, &text)
	})
	require.ErrorContains(t, err, "missing")
	assert.Equal(t, "x", *scalar[*string](t, pool, "SELECT CAST('x' AS Nullable(String))", nil))
	assert.Equal(t, "y", scalar[string](t, pool, "SELECT CAST('y' AS LowCardinality(String))", nil))
}

// TestParametersAreValues holds that a parameter's text reaches the server as it
// is, whatever characters it has.
func TestParametersAreValues(t *testing.T) {
	server := chtest.Start(t)
	pool := open(t, unchanged, server.Addr)
	for _, value := range []string{"", "plain", `it's "quoted"`, `back\slash`, "tab\tline\nreturn\r", "'; DROP TABLE x; --", "ünïcödé 🌸", `\N`, `\\'`} {
		assert.Equal(t, value, scalar[string](t, pool, "SELECT {value:String}", clickhouse.Parameters{"value": value}))
	}
	assert.Equal(t, int64(-7), scalar[int64](t, pool, "SELECT {value:Int32}", clickhouse.Parameters{"value": "-7"}))
	assert.Equal(t, "7", scalar[string](t, pool, "SELECT concat({a:String}, {b:String})", clickhouse.Parameters{"a": "", "b": "7"}))
}

// TestServerErrorsAreClassified holds that real errors of the server get the
// class that says what to do, and that the pool works on after each.
func TestServerErrorsAreClassified(t *testing.T) {
	server := chtest.Start(t)
	pool := open(t, unchanged, server.Addr)
	server.Exec("CREATE TABLE narrow (id UInt8, CONSTRAINT small CHECK id < 10) ENGINE = MergeTree ORDER BY id")
	number := block.UInt8("id")
	number.Append(200)
	missing := block.UInt8("other")
	missing.Append(1)
	cases := []struct {
		name string
		call func() error
		code int
		want clickhouse.Class
	}{
		{"unknown table", func() error { return pool.Exec(t.Context(), "SELECT * FROM absent", nil) }, 60, clickhouse.Schema},
		{"syntax", func() error { return pool.Exec(t.Context(), "SELEKT 1", nil) }, 62, clickhouse.Statement},
		{"value", func() error { return pool.Exec(t.Context(), "SELECT toUInt8('x')", nil) }, 6, clickhouse.Data},
		{"constraint", func() error {
			return pool.Insert(t.Context(), clickhouse.Insert{Table: "narrow", Block: block.New(number)})
		}, 469, clickhouse.Data},
		{"unknown column", func() error {
			return pool.Insert(t.Context(), clickhouse.Insert{Table: "narrow", Block: block.New(missing)})
		}, 16, clickhouse.Schema},
		{"memory", func() error {
			return pool.Exec(t.Context(), "SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000", nil)
		}, 241, clickhouse.Overload},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.call()
			var failure *clickhouse.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, c.code, failure.Code, err)
			assert.Equal(t, c.want, failure.Class)
			require.NoError(t, pool.Ping(t.Context()))
		})
	}
	assert.Equal(t, "0", server.Query("SELECT count() FROM narrow"))
}

// TestCallsEndInTime holds that a call ends with its context, not with the
// server: on a timeout, on a cancel, and against a peer that falls silent in the
// middle of an answer.
func TestCallsEndInTime(t *testing.T) {
	server := chtest.Start(t)
	const slow = "SELECT sum(sleepEachRow(0.5)) FROM numbers(100) SETTINGS max_block_size = 1"

	t.Run("timeout", func(t *testing.T) {
		pool := open(t, func(cfg *clickhouse.Config) { cfg.Timeout = time.Second }, server.Addr)
		started := time.Now()
		require.Error(t, pool.Exec(t.Context(), slow, nil))
		assert.Less(t, time.Since(started), 3*time.Second)
		require.NoError(t, pool.Ping(t.Context()))
	})
	t.Run("cancel", func(t *testing.T) {
		pool := open(t, unchanged, server.Addr)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		time.AfterFunc(200*time.Millisecond, cancel)
		started := time.Now()
		require.ErrorIs(t, pool.Exec(ctx, slow, nil), context.Canceled)
		assert.Less(t, time.Since(started), 2*time.Second)
	})
	t.Run("silence", func(t *testing.T) {
		relay := startRelay(t, server.Addr)
		pool := open(t, func(cfg *clickhouse.Config) { cfg.Timeout = time.Second }, relay.address)
		require.NoError(t, pool.Ping(t.Context()))
		relay.silenceAfter(100_000)
		started := time.Now()
		err := pool.Query(t.Context(), "SELECT randomString(1000) FROM numbers(1000)", nil, func(*block.Reader) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(started), 3*time.Second)
	})
}

// TestPoolSurvivesItsServer holds that the pool connects again by itself after a
// crash, and does not offer a connection that the crash has closed.
func TestPoolSurvivesItsServer(t *testing.T) {
	server := chtest.Start(t)
	pool := open(t, unchanged, server.Addr)
	require.NoError(t, pool.Ping(t.Context()))
	server.Kill()
	server.Restart()
	require.NoError(t, pool.Ping(t.Context()), "the connection of before is not used")
	server.Kill()
	err := pool.Ping(t.Context())
	require.Error(t, err)
	assert.Equal(t, clickhouse.Transient, clickhouse.ClassOf(err))
}

// TestNextAddressIsTried holds that an address which does not answer costs one
// attempt, and that the one which did is then asked first.
func TestNextAddressIsTried(t *testing.T) {
	server := chtest.Start(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	pool := open(t, unchanged, closed.Addr().String(), server.Addr)
	require.NoError(t, pool.Ping(t.Context()))

	nowhere := open(t, unchanged, closed.Addr().String())
	require.ErrorContains(t, nowhere.Ping(t.Context()), closed.Addr().String())
}

// TestConnectionsAreBounded holds that calls beyond MAX_CONNS wait for one of
// them, that they all succeed, and that one connection serves many calls.
func TestConnectionsAreBounded(t *testing.T) {
	server := chtest.Start(t)
	relay := startRelay(t, server.Addr)
	pool := open(t, func(cfg *clickhouse.Config) { cfg.MaxConns = 2 }, relay.address)
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() { assert.NoError(t, pool.Ping(t.Context())) })
	}
	calls.Wait()
	assert.LessOrEqual(t, relay.accepted(), 2)

	expired, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pool.Ping(expired), context.Canceled)
	pool.Close()
	require.ErrorContains(t, pool.Ping(t.Context()), "closed")
}

// TestUnequalColumnsAreRefused holds that a block which is not rectangular is
// never sent, and that one without rows is no request at all.
func TestUnequalColumnsAreRefused(t *testing.T) {
	pool := open(t, unchanged, "127.0.0.1:1")
	a, b := block.UInt8("a"), block.UInt8("b")
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "none", Block: block.New(a, b)}))
	a.Append(1)
	require.ErrorContains(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "none", Block: block.New(a, b)}), "column b has 0 rows")
}

// TestSpansStayOutOfClickHouse holds that a sampled span of the caller's is not
// sent: the server would write a span log for each insert.
func TestSpansStayOutOfClickHouse(t *testing.T) {
	server := chtest.Start(t)
	relay := startRelay(t, server.Addr)
	pool := open(t, func(cfg *clickhouse.Config) { cfg.Compression = clickhouse.NoCompression }, relay.address)
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID([]byte("trace-id-in-full")), SpanID: trace.SpanID([]byte("spanspan")), TraceFlags: trace.FlagsSampled,
	})
	require.NoError(t, pool.Ping(trace.ContextWithSpanContext(t.Context(), span)))
	// The protocol sends either half of a trace id backwards.
	assert.NotContains(t, relay.sent(), "trace-id")
	assert.NotContains(t, relay.sent(), "di-ecart")
}

// TestTLS holds that everything travels encrypted when asked for, that the
// server's certificate is verified, and that a silent peer is noticed there too.
func TestTLS(t *testing.T) {
	server := chtest.Start(t)
	files := tlstest.Make(t, "127.0.0.1")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{files.Server}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	relay := serveRelay(t, listener, server.Addr)
	secured := func(authority string) func(*clickhouse.Config) {
		return func(cfg *clickhouse.Config) {
			cfg.Timeout = 2 * time.Second
			cfg.TLS = tlsclient.Config{Enabled: true, CAFile: authority}
		}
	}
	pool := open(t, secured(files.CAFile), relay.address)
	for range 3 {
		require.NoError(t, pool.Ping(t.Context()))
	}
	assert.Equal(t, 1, relay.accepted(), "a connection that is alive is used again")
	require.ErrorContains(t, open(t, secured(tlstest.Make(t, "127.0.0.1").CAFile), relay.address).Ping(t.Context()), "unknown authority")

	relay.silenceAfter(0)
	started := time.Now()
	require.ErrorIs(t, pool.Ping(t.Context()), context.DeadlineExceeded)
	assert.Less(t, time.Since(started), 4*time.Second)
}
