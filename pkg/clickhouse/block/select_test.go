package block_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// TestSelectCopiesRows holds that the chosen rows, and no others, come out equal
// and in the order given, for each column type, and are a copy.
func TestSelectCopiesRows(t *testing.T) {
	t.Parallel()
	columns, appendRow := everyColumn()
	for range 3 {
		appendRow()
		for _, column := range columns.Columns() {
			column.AppendDefault()
		}
	}
	before := decode(t, columns)
	chosen := []int{5, 0, 3, 2}
	selected := columns.Select(chosen)
	for i, column := range selected.Columns() {
		assert.Equal(t, columns.Columns()[i].Type(), column.Type())
		assert.Equal(t, columns.Columns()[i].Name(), column.Name())
	}
	want := make([]string, len(chosen))
	for i, row := range chosen {
		want[i] = fmt.Sprint(before.Row(row))
	}
	columns.Reset()
	appendRow()
	after := decode(t, selected)
	require.Equal(t, len(chosen), after.Rows())
	for i := range chosen {
		assert.Equal(t, want[i], fmt.Sprint(after.Row(i)))
	}
	assert.Zero(t, selected.Select(nil).Rows())
}

// TestSelectKeepsEachRow holds that values which differ from row to row stay with
// their row, dictionaries and maps included.
func TestSelectKeepsEachRow(t *testing.T) {
	t.Parallel()
	text, word, pairs := block.String("text"), block.LowCardinality("word"), block.Map("pairs")
	b := block.New(text, word, pairs)
	var rows []int
	for i := range 1000 {
		value := strconv.Itoa(i)
		text.Append(value)
		word.Append(value)
		for pair := range i % 4 {
			pairs.Add(strconv.Itoa(pair), value)
		}
		pairs.EndRow()
		if i%3 == 0 {
			rows = append(rows, i)
		}
	}
	reader := decode(t, b.Select(rows))
	for i, row := range rows {
		var gotText, gotWord string
		var gotPairs map[string]string
		require.NoError(t, reader.Scan(i, &gotText, &gotWord, &gotPairs))
		want := strconv.Itoa(row)
		assert.Equal(t, want, gotText)
		assert.Equal(t, want, gotWord)
		assert.Len(t, gotPairs, row%4)
		for _, value := range gotPairs {
			assert.Equal(t, want, value)
		}
	}
}

// TestProjectSharesColumns holds that a projection has the named columns in the
// order asked for, and tells when one is missing.
func TestProjectSharesColumns(t *testing.T) {
	t.Parallel()
	a, b := block.UInt8("a"), block.String("b")
	whole := block.New(a, b)
	a.Append(7)
	b.Append("seven")
	projected, ok := whole.Project([]string{"b", "a"})
	require.True(t, ok)
	assert.Equal(t, []any{"seven", int64(7)}, decode(t, projected).Row(0))
	_, ok = whole.Project([]string{"a", "c"})
	assert.False(t, ok)
}
