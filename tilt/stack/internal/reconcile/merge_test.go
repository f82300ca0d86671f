package reconcile

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slice is a source of rows of a key and a value.
func slice(rows ...row) source {
	return func() (row, error) {
		if len(rows) == 0 {
			return nil, nil
		}
		next := rows[0]
		rows = rows[1:]
		return next, nil
	}
}

func merge(t *testing.T, m *merger, stored ...row) Table {
	t.Helper()
	require.NoError(t, m.begin())
	for _, r := range stored {
		require.NoError(t, m.stored(r))
	}
	result, err := m.end()
	require.NoError(t, err)
	return result
}

// Every way in which two sides can differ is found, counted once per row, and
// named with its key, wherever in the order it stands.
func TestMerge(t *testing.T) {
	a, b, c := row{"a", "1"}, row{"b", nil}, row{"c", "3"}
	const missing, extra, doubled = "missing in ClickHouse", "only in ClickHouse", "stored more than once"
	for _, test := range []struct {
		name           string
		source, stored []row
		want           []Difference
	}{
		{name: "both empty"},
		{name: "equal", source: []row{a, b, c}, stored: []row{a, b, c}},
		{name: "missing at the start", source: []row{a, b, c}, stored: []row{b, c}, want: []Difference{{"a", missing}}},
		{name: "missing in the middle", source: []row{a, b, c}, stored: []row{a, c}, want: []Difference{{"b", missing}}},
		{name: "missing at the end", source: []row{a, b, c}, stored: []row{a}, want: []Difference{{"b", missing}, {"c", missing}}},
		{name: "extra at the start", source: []row{b, c}, stored: []row{a, b, c}, want: []Difference{{"a", extra}}},
		{name: "extra at the end", source: []row{a}, stored: []row{a, b, c}, want: []Difference{{"b", extra}, {"c", extra}}},
		{name: "nothing in the source", stored: []row{a}, want: []Difference{{"a", extra}}},
		{name: "doubled", source: []row{a, b}, stored: []row{a, a, a, b}, want: []Difference{{"a", doubled}, {"a", doubled}}},
		{name: "extra, and doubled", source: []row{b}, stored: []row{a, a, b}, want: []Difference{{"a", extra}, {"a", doubled}}},
		{name: "one for another", source: []row{a, c}, stored: []row{b, c}, want: []Difference{{"a", missing}, {"b", extra}}},
		{
			name: "value, NULL and empty text", source: []row{a, b, c}, stored: []row{{"a", "2"}, {"b", ""}, {"c", nil}},
			want: []Difference{
				{"a", `value is "1" in PostgreSQL, "2" in ClickHouse`},
				{"b", `value is NULL in PostgreSQL, "" in ClickHouse`},
				{"c", `value is "3" in PostgreSQL, NULL in ClickHouse`},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := merge(t, newMerger("t", []string{"id", "value"}, slice(test.source...)), test.stored...)
			assert.Equal(t, test.want, got.Examples)
			assert.Equal(t, uint64(len(test.want)), got.Differences)
			assert.Equal(t, uint64(len(test.source)), got.Source)
			assert.Equal(t, uint64(len(test.stored)), got.Stored)
		})
	}
}

// A row whose fate is open is no difference, once; stored twice it is one.
func TestMergeUndecided(t *testing.T) {
	m := newMerger("t", []string{"id"}, slice(row{"a"}, row{"c"}))
	m.undecided = func(key string) bool { return key == "b" }
	got := merge(t, m, row{"a"}, row{"b"}, row{"b"}, row{"c"})
	assert.Equal(t, uint64(1), got.Undecided)
	assert.Equal(t, []Difference{{"b", "stored more than once"}}, got.Examples)
}

// Several columns of one row are one difference that names them all; beyond the
// first few rows differences are only counted.
func TestMergeNamesAFew(t *testing.T) {
	var source, stored []row
	for i := range 9 {
		key := strconv.Itoa(i)
		source = append(source, row{key, "x", strings.Repeat("é", 61)})
		stored = append(stored, row{key, "y", nil})
	}
	got := merge(t, newMerger("t", []string{"id", "a", "b"}, slice(source...)), stored...)
	assert.Equal(t, uint64(9), got.Differences)
	require.Len(t, got.Examples, maxExamples)
	assert.Equal(t, `a is "x" in PostgreSQL, "y" in ClickHouse; b is "`+strings.Repeat("é", 60)+`"… in PostgreSQL, NULL in ClickHouse`,
		got.Examples[4].What)
}

// A source that breaks off is an error, not a table with fewer rows.
func TestMergeSourceFails(t *testing.T) {
	broken := errors.New("connection lost")
	reads := 0
	m := newMerger("t", []string{"id"}, func() (row, error) {
		if reads++; reads > 2 {
			return nil, broken
		}
		return row{strconv.Itoa(reads)}, nil
	})
	require.NoError(t, m.begin())
	require.NoError(t, m.stored(row{"1"}))
	require.ErrorIs(t, m.stored(row{"2"}), broken)

	reads = 1
	m.due = row{"1"}
	_, err := m.end()
	require.ErrorIs(t, err, broken)
}
