package statement_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// The rows of an INSERT start behind the clause that announces them; not a byte of
// them is taken for white space of the statement.
func TestRowsOffset(t *testing.T) {
	for _, parts := range [][2]string{
		{"INSERT INTO t FORMAT JSONEachRow\n", "{\"a\": 1}\n"},
		{"INSERT INTO t FORMAT RowBinary\n", "\n\n \x00;"},
		{"INSERT INTO t FORMAT RowBinary\r\n", "\r\n"},
		{"INSERT INTO t FORMAT CSV  ", "1,2"},
		{"INSERT INTO t (a) SETTINGS b = 'FORMAT X' VALUES ", "(1), (2)"},
		{"INSERT INTO t VALUES", "(1)\n"},
		{"-- FORMAT\nINSERT INTO t FORMAT TSV\n", "\t\n"},
		{"INSERT INTO t FORMAT CSV", ""},
		{"SELECT 1 FORMAT CSV\n1", ""},
		{"INSERT INTO t SELECT 1", ""},
		{"", ""},
	} {
		require.Equal(t, len(parts[0]), statement.RowsOffset(parts[0]+parts[1]), "%q", parts)
	}
}

// The clause of the statement itself counts, not what only looks like it.
func TestFormat(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1":                             "",
		"SELECT 1 FORMAT JSON":                 "JSON",
		"select 1 format CSVWithNames;":        "CSVWithNames",
		"SELECT 1 FORMAT TSV SETTINGS a = 1\n": "TSV",
		"SELECT ' FORMAT JSON', (SELECT 1 FORMAT CSV) -- FORMAT XML": "",
		"SELECT format FROM t WHERE format = 1":                      "",
		"FORMAT JSON":                                                "",
	} {
		require.Equal(t, want, statement.Format(text), text)
	}
}

// No text makes the parsers fail, and rows lie inside it.
func FuzzRowsOffset(f *testing.F) {
	f.Add("INSERT INTO t FORMAT CSV\n1")
	f.Add("INSERT INTO t VALUES")
	f.Fuzz(func(t *testing.T, text string) {
		offset := statement.RowsOffset(text)
		require.True(t, 0 <= offset && offset <= len(text))
		statement.Format(text)
	})
}
