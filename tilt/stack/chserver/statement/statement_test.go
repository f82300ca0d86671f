package statement_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// An INSERT whose rows follow is told from every other statement, with all
// that the server needs to start it.
func TestParseInsert(t *testing.T) {
	for text, want := range map[string]statement.Insert{
		`INSERT INTO "t" ("a","b") VALUES`: {
			Into: `INSERT INTO "t" ("a","b")`, Target: `"t"`, Table: "t", Columns: []string{"a", "b"}, Format: "Values",
		},
		"insert into nova.`t` settings a = 1, b = 'VALUES' format Native ;": {
			Into: "insert into nova.`t`", Target: "nova.`t`", Table: "t", Settings: "a = 1, b = 'VALUES'", Format: "Native",
		},
		"/* x */ INSERT -- y\nINTO TABLE values (n.a, b) VALUES (1, ';')": {
			Into: "/* x */ INSERT -- y\nINTO TABLE values (n.a, b)", Target: "values", Table: "values",
			Columns: []string{"n.a", "b"}, Format: "Values", Inline: "(1, ';')",
		},
		"INSERT INTO t": {Into: "INSERT INTO t", Target: "t", Table: "t", Format: "Values"},
		"INSERT INTO t (* EXCEPT(a)) FORMAT JSONEachRow {\"b\": \"'\"}": {
			Into: "INSERT INTO t (* EXCEPT(a))", Target: "t", Table: "t", Expression: "* EXCEPT(a)",
			Format: "JSONEachRow", Inline: "{\"b\": \"'\"}",
		},
		"INSERT INTO FUNCTION null('a Int8, b String') (a) VALUES": {
			Into: "INSERT INTO FUNCTION null('a Int8, b String') (a)", Target: "null('a Int8, b String')",
			Columns: []string{"a"}, Format: "Values",
		},
		"INSERT INTO {t:Identifier} (a) VALUES": {
			Into: "INSERT INTO {t:Identifier} (a)", Target: "{t:Identifier}", Columns: []string{"a"}, Format: "Values",
		},
	} {
		got, ok := statement.ParseInsert(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "SELECT 1", "INSERT", "INSERT INTO", "INSERT INTO t SELECT 1", "INSERT INTO t (a) WITH 1 AS x SELECT x", "INSERT INTO t (SELECT 1)",
		"INSERT INTO t (a) (SELECT 1)", "INSERT INTO t SETTINGS a = 1 SELECT 1", "INSERT INTO t FROM INFILE 'x'", "INSERT INTO FUNCTION f", "INSERT INTO t (a", "INSERT INTO {t", "EXPLAIN INSERT INTO t VALUES", "INSERT INTO t FORMAT",
	} {
		_, ok := statement.ParseInsert(text)
		require.False(t, ok, text)
	}
}

// A FORMAT clause goes without harm to strings, columns and settings that are
// called alike.
func TestWithoutFormat(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1":              "SELECT 1",
		"SELECT 1 FORMAT JSON":  "SELECT 1 ",
		"SELECT 1 format Null;": "SELECT 1 ",
		"SELECT 1 FORMAT TSV SETTINGS max_threads=1":                                "SELECT 1  SETTINGS max_threads=1",
		"SELECT ' FORMAT JSON', format, (SELECT 1 FORMAT) FROM t WHERE format = 1;": "SELECT ' FORMAT JSON', format, (SELECT 1 FORMAT) FROM t WHERE format = 1",
		"SHOW TABLES -- FORMAT JSON\n":                                              "SHOW TABLES",
		"SELECT $a$ FORMAT JSON $a$":                                                "SELECT $a$ FORMAT JSON $a$",
	} {
		require.Equal(t, want, statement.WithoutFormat(text), text)
	}
}

// Semicolons only separate statements outside of quotes, comments and rows.
func TestIsSingle(t *testing.T) {
	for text, want := range map[string]bool{
		"":                              true,
		"SELECT 1;;":                    true,
		"SELECT ';' /* ; */ -- ; x\n":   true,
		"SELECT 1; SELECT 2":            false,
		"INSERT INTO t VALUES (1); (2)": true,
		"SELECT 'it''s; x', \"a;\", `b;`, '\\';'": true,
	} {
		require.Equal(t, want, statement.IsSingle(text), text)
	}
	require.True(t, statement.IsSelect("-- x\n((select 1))"))
	require.True(t, statement.IsSelect("WITH 1 AS x SELECT x"))
	require.False(t, statement.IsSelect("SHOW TABLES"))
}

// Parameter values are unquoted as ClickHouse does.
func TestUnquote(t *testing.T) {
	for value, want := range map[string]string{
		`'a'`: "a", `'it\'s'`: "it's", `'it''s'`: "it's", `'\n\\\0'`: "\n\\\x00", `''`: "", `'`: "'", `42`: "42", `'a\'`: `a\`,
	} {
		require.Equal(t, want, statement.Unquote(value), value)
	}
}

// No text makes the parsers fail or loop.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"INSERT INTO t (a,b) VALUES", "SELECT $x$ 1 $x$ FORMAT JSON; --", "INSERT INTO FUNCTION f(')') SETTINGS a=1 FORMAT", "'\\", "/*", "`", "[(})"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if insert, ok := statement.ParseInsert(text); ok {
			require.Contains(t, text, insert.Into)
			require.Contains(t, text, insert.Inline)
		}
		require.LessOrEqual(t, len(statement.WithoutFormat(text)), len(text))
		statement.IsSingle(text)
		statement.IsSelect(text)
		statement.Unquote(text)
	})
}
