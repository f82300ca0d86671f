package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *engine.Engine {
	t.Helper()
	library, err := engine.LibraryPath("")
	require.NoError(t, err)
	e, err := engine.Open(engine.Config{Library: library, DataDir: dir, Database: "nova"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func session(t *testing.T, e *engine.Engine) *engine.Session {
	t.Helper()
	s, err := e.NewSession("nova")
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func text(t *testing.T, s *engine.Session, sql string) string {
	t.Helper()
	out, err := s.Text(t.Context(), sql)
	require.NoError(t, err)
	return strings.TrimSuffix(out, "\n")
}

func exec(t *testing.T, s *engine.Session, sql string) {
	t.Helper()
	require.NoError(t, s.Exec(t.Context(), sql))
}

func read(t *testing.T, s *engine.Session, q engine.Query) (string, error) {
	t.Helper()
	r, err := s.Query(t.Context(), q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out bytes.Buffer
	_, err = r.WriteTo(&out)
	return out.String(), err
}

// Statements give their results whether or not the engine can stream them.
func TestQuery(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	require.Equal(t, "nova", text(t, s, "SELECT currentDatabase()"))
	require.Equal(t, "nova", text(t, s, "SHOW DATABASES LIKE 'nova'"))
	exec(t, s, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	exec(t, s, "INSERT INTO t SELECT number FROM numbers(10)")
	require.Equal(t, "45", text(t, s, "SELECT sum(a) FROM t"))
	require.Empty(t, text(t, s, "SELECT a FROM t WHERE a > 100"))
	for _, sql := range []string{"SELECT currentDatabase()", "SHOW DATABASES LIKE 'nova'"} {
		out, err := read(t, s, engine.Query{SQL: sql, Format: "TSV", Stream: true})
		require.NoError(t, err)
		require.Equal(t, "nova\n", out)
	}
}

// A result of many blocks is one document.
func TestQueryGivesOneDocument(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	out, err := read(t, s, engine.Query{SQL: "SELECT number FROM numbers(200000)", Format: "JSONCompact"})
	require.NoError(t, err)
	var document struct{ Rows int }
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, 200000, document.Rows)
}

// Parameters reach the statement as values, never as SQL.
func TestParameters(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	out, err := read(t, s, engine.Query{SQL: "SELECT {n:UInt32} + 1, {text:String}", Format: "TSVRaw", Parameters: []engine.Parameter{
		{Name: "n", Value: "41"}, {Name: "text", Value: "'; DROP"},
	}})
	require.NoError(t, err)
	require.Equal(t, "42\t'; DROP\n", out)
}

// Settings of one statement are gone with the next one, and what the session
// has set itself comes back.
func TestSettingsDoNotLeak(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	const sql = "SELECT getSetting('max_block_size')"
	byDefault := text(t, s, sql)
	seven := engine.Query{SQL: sql, Format: "TSVRaw", Settings: []engine.Setting{{Name: "max_block_size", Value: "7"}}}
	out, err := read(t, s, seven)
	require.NoError(t, err)
	require.Equal(t, "7\n", out)
	require.Equal(t, byDefault, text(t, s, sql))

	exec(t, s, "SET max_block_size = 5")
	_, err = read(t, s, seven)
	require.NoError(t, err)
	require.Equal(t, "5", text(t, s, sql))
}

// An unknown setting is an error only when it is important.
func TestUnknownSetting(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	_, err := read(t, s, engine.Query{SQL: "SELECT 1", Format: "TSV", Settings: []engine.Setting{{Name: "no_such", Value: "1"}}})
	require.NoError(t, err)
	_, err = read(t, s, engine.Query{SQL: "SELECT 1", Format: "TSV", Settings: []engine.Setting{{Name: "no_such", Value: "1", Important: true}}})
	var exception *engine.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, int32(115), exception.Code)
	const sql = "SELECT getSetting('max_block_size')"
	byDefault := text(t, s, sql)
	_, err = read(t, s, engine.Query{SQL: sql, Format: "TSV", Settings: []engine.Setting{
		{Name: "max_block_size", Value: "7"}, {Name: "no_such", Value: "1", Important: true},
	}})
	require.ErrorAs(t, err, &exception)
	_, err = read(t, s, engine.Query{SQL: sql, Format: "TSV", Settings: []engine.Setting{{Name: "a = 1, b", Value: "1", Important: true}}})
	require.ErrorAs(t, err, &exception)
	require.Equal(t, byDefault, text(t, s, sql))
}

// Errors carry ClickHouse's codes, at the start and in the middle of a result.
func TestExceptions(t *testing.T) {
	e := open(t, t.TempDir())
	s := session(t, e)
	for sql, want := range map[string]struct {
		code int32
		name string
	}{
		"SELECT * FROM missing": {60, "UNKNOWN_TABLE"},
		"SELEC 1":               {62, "SYNTAX_ERROR"},
		"SELECT throwIf(number = 150000) FROM numbers(200000)": {395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"},
		"DROP TABLE missing": {60, "UNKNOWN_TABLE"},
	} {
		for _, stream := range []bool{false, true} {
			_, err := read(t, s, engine.Query{SQL: sql, Format: "Native", Stream: stream})
			var exception *engine.Exception
			require.ErrorAs(t, err, &exception, sql)
			require.Equal(t, want.code, exception.Code, sql)
			require.Equal(t, want.name, exception.Name, sql)
			require.NotContains(t, exception.Message, "DB::Exception", sql)
		}
	}
	_, err := e.NewSession("missing")
	var exception *engine.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, int32(81), exception.Code)
}

// Rows come in any format, binary ones included, and their number comes back.
func TestInsert(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	exec(t, s, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	insert := func(format, rows string, settings ...engine.Setting) (engine.Stats, error) {
		stream, err := s.Insert(t.Context(), engine.Insert{Into: "INSERT INTO t (a, b)", Format: format, Settings: settings})
		require.NoError(t, err)
		// The engine may find bad rows while it still takes them; Done says why.
		_, refused := stream.Write([]byte(rows))
		stats, err := stream.Done()
		if refused != nil {
			require.Error(t, err)
		}
		return stats, err
	}
	stats, err := insert("JSONEachRow", `{"a": 1, "b": "x"} {"a": 2}`)
	require.NoError(t, err)
	require.Equal(t, uint64(2), stats.WrittenRows)
	_, err = insert("RowBinary", "\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00\xff")
	require.NoError(t, err)
	require.Equal(t, "1\tx\n2\t\n3\t\x00\xff", text(t, s, "SELECT * FROM t ORDER BY a"))

	_, err = insert("JSONEachRow", `{"a": "not a number"}`)
	var exception *engine.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, int32(27), exception.Code)
	require.Equal(t, "3", text(t, s, "SELECT count() FROM t"))
}

// An INSERT into nothing fails at once; one that is cancelled stores nothing.
func TestInsertFailures(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	_, err := s.Insert(t.Context(), engine.Insert{Into: "INSERT INTO missing", Format: "Native"})
	var exception *engine.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, int32(60), exception.Code)

	exec(t, s, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	stream, err := s.Insert(t.Context(), engine.Insert{Into: "INSERT INTO t", Format: "TSV"})
	require.NoError(t, err)
	_, err = s.Query(t.Context(), engine.Query{SQL: "SELECT 1"})
	require.ErrorIs(t, err, engine.ErrBusy)
	_, err = stream.Write([]byte("1\n2\n"))
	require.NoError(t, err)
	stream.Cancel()
	stream.Cancel()
	_, err = stream.Write([]byte("3\n"))
	require.Error(t, err)
	_, err = stream.Done()
	require.Error(t, err)
	require.Equal(t, "0", text(t, s, "SELECT count() FROM t"))
}

// The end of a context ends the statement long before it would.
func TestCancel(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	for _, sql := range []string{
		"SELECT sum(cityHash64(number)) FROM numbers(1000000000000)",
		"SELECT number FROM numbers(1000000000000)",
		"SELECT count() FROM system.numbers SETTINGS max_threads = 1",
		"INSERT INTO FUNCTION null('a UInt64') SELECT number FROM system.numbers",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		started := time.Now()
		r, err := s.Query(ctx, engine.Query{SQL: sql, Format: "Native", Stream: true})
		if err == nil {
			for err == nil {
				_, err = r.Next()
			}
			r.Close()
		}
		cancel()
		var exception *engine.Exception
		require.ErrorAs(t, err, &exception, sql)
		require.Equal(t, int32(394), exception.Code, sql)
		require.Less(t, time.Since(started), 5*time.Second, sql)
		require.Equal(t, "1", text(t, s, "SELECT 1"))
	}
}

// A result that is not read to its end leaves the session usable.
func TestCloseEarly(t *testing.T) {
	s := session(t, open(t, t.TempDir()))
	r, err := s.Query(t.Context(), engine.Query{SQL: "SELECT number FROM system.numbers", Format: "Native", Stream: true})
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	r.Close()
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "1", text(t, s, "SELECT 1"))
}

// Data is there after closing and opening again, and the directory belongs to
// one engine at a time.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	library, err := engine.LibraryPath("")
	require.NoError(t, err)
	for round := range 3 {
		e, err := engine.Open(engine.Config{Library: library, DataDir: dir, Database: "nova"})
		require.NoError(t, err)
		_, err = engine.Open(engine.Config{Library: library, DataDir: dir, Database: "nova"})
		require.ErrorContains(t, err, "another process")
		s, err := e.NewSession("nova")
		require.NoError(t, err)
		exec(t, s, "CREATE TABLE IF NOT EXISTS t (a UInt64) ENGINE = MergeTree ORDER BY a")
		exec(t, s, fmt.Sprintf("INSERT INTO t VALUES (%d)", round))
		require.Equal(t, strconv.Itoa(round+1), text(t, s, "SELECT count() FROM t"))
		s.Close()
		require.NoError(t, e.Close())
		require.NoError(t, e.Close())
	}
}

// What prepares a data directory runs before the engine, and its failure keeps
// the engine closed.
func TestPrepare(t *testing.T) {
	library, err := engine.LibraryPath("")
	require.NoError(t, err)
	cfg := engine.Config{Library: library, DataDir: t.TempDir(), Database: "nova"}
	cfg.Prepare = func(store string) error {
		require.NoDirExists(t, store)
		return io.ErrClosedPipe
	}
	_, err = engine.Open(cfg)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	cfg.Prepare = nil
	e, err := engine.Open(cfg)
	require.NoError(t, err)
	require.NoError(t, e.Close())
}
