package table_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

const (
	postID = "33333333-0000-4000-8000-000000000001"
	userID = "11111111-0000-4000-8000-000000000001"
	post   = `{"id":"` + postID + `","user_id":"` + userID + `","caption":null,"image_key":"i","status":"draft","soft_delete":null,` +
		`"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`
)

func epochs() debezium.Epochs { return debezium.Epochs{"nova": 0} }

// rowsOf returns an empty block for the table that PostgreSQL calls source.
func rowsOf(t *testing.T, source string) *table.Rows {
	t.Helper()
	for _, mapped := range table.All() {
		if mapped.Source == source {
			return mapped.NewRows(epochs())
		}
	}
	require.Fail(t, "no such table", source)
	return nil
}

// appendTo decodes a record and appends it.
func appendTo(t *testing.T, rows *table.Rows, record cdctest.Record) error {
	t.Helper()
	var e debezium.Envelope
	require.NoError(t, e.Decode(record.Value))
	return rows.Append(&e)
}

// with returns the post with another value for one of its columns, or with a
// column more.
func with(name, value string) string {
	return edit(post, func(columns map[string]json.RawMessage) { columns[name] = json.RawMessage(value) })
}

// without returns the post without a column.
func without(name string) string {
	return edit(post, func(columns map[string]json.RawMessage) { delete(columns, name) })
}

func edit(object string, change func(map[string]json.RawMessage)) string {
	columns := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(object), &columns); err != nil {
		return err.Error()
	}
	change(columns)
	text, err := json.Marshal(columns)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// A change that cannot be stored whole and right is refused for its own reason,
// and leaves nothing behind in the block.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change cdctest.Change
		reason table.Reason
		detail string
	}{
		{"another table", cdctest.Change{Op: "c", Table: "likes", After: post}, "table", `"likes" on the topic of posts`},
		{"no LSN", cdctest.Change{Op: "c", Table: "posts", After: post, LSN: 3}, "position", "LSN 3"},
		{"no key", cdctest.Change{Op: "c", Table: "posts", After: without("id")}, "key", `"id" is missing`},
		{"zero key", cdctest.Change{Op: "c", Table: "posts", After: with("id", `"00000000-0000-0000-0000-000000000000"`)}, "key", "replica identity"},
		{"empty key in a delete", cdctest.Change{Op: "d", Table: "posts", Before: with("id", `""`)}, "key", "replica identity"},
		{"null key", cdctest.Change{Op: "c", Table: "posts", After: with("id", `null`)}, "key", "replica identity"},
		{"key of another type", cdctest.Change{Op: "c", Table: "posts", After: with("id", `7`)}, "value", `column "id"`},
		{"null in a column that is not null", cdctest.Change{Op: "c", Table: "posts", After: with("status", `null`)}, "value", `column "status"`},
		{"value of another type", cdctest.Change{Op: "c", Table: "posts", After: with("updated_at", `1763900000123456`)}, "value", `column "updated_at"`},
		{"no column of a view's key", cdctest.Change{Op: "c", Table: "follows", After: `{"id":"` + postID + `","follower_id":"` + userID + `","created_at":"2026-01-01T00:00:00Z"}`}, "missing_column", `"following_id"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source := "posts"
			if test.change.Table == "follows" {
				source = "follows"
			}
			rows := rowsOf(t, source)
			if test.change.LSN == 0 {
				test.change.LSN = 800
			}
			err := appendTo(t, rows, test.change.Record(postID))
			require.Error(t, err)
			assert.Equal(t, test.reason, table.ReasonOf(err), err.Error())
			assert.ErrorContains(t, err, test.detail)
			assert.ErrorContains(t, err, fmt.Sprintf("table %s, LSN %d: ", source, test.change.LSN))
			require.NoError(t, rows.Block().Check())
			assert.Zero(t, rows.Block().Rows())
		})
	}
}

// A refused change between others takes none of them with it.
func TestARefusalLeavesTheOtherRows(t *testing.T) {
	rows := rowsOf(t, "posts")
	good := cdctest.Change{Op: "c", Table: "posts", LSN: 800, After: post}.Record(postID)
	bad := cdctest.Change{Op: "c", Table: "posts", LSN: 808, After: with("updated_at", `"?"`)}.Record(postID)
	require.NoError(t, appendTo(t, rows, good))
	require.Error(t, appendTo(t, rows, bad))
	require.NoError(t, appendTo(t, rows, good))
	require.NoError(t, rows.Block().Check())
	assert.Equal(t, 2, rows.Block().Rows())
}

// A prefix without an epoch is the operator's to settle: no reason to refuse
// the record.
func TestUnmappedPrefixIsNoRefusal(t *testing.T) {
	err := appendTo(t, rowsOf(t, "posts"), cdctest.Change{Op: "c", Table: "posts", LSN: 800, After: post, Prefix: "nova2"}.Record(postID))
	var unmapped *debezium.UnmappedError
	require.ErrorAs(t, err, &unmapped)
}

// A changed primary key arrives as a delete and a create that may lack a large
// value; the placeholder never becomes the value. A snapshot lacks nothing.
func TestPlaceholderIsTextInSnapshotsOnly(t *testing.T) {
	rows := rowsOf(t, "posts")
	after := with("caption", `"__debezium_unavailable_value"`)
	err := appendTo(t, rows, cdctest.Change{Op: "c", Table: "posts", LSN: 800, After: after}.Record(postID))
	require.ErrorIs(t, err, table.ErrIncomplete)
	assert.Zero(t, rows.Block().Rows())
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "r", Table: "posts", LSN: 800, After: after}.Record(postID)))
}

// Columns may come in any order, and in another one after an ALTER TABLE.
func TestColumnOrderIsFree(t *testing.T) {
	rows := rowsOf(t, "likes")
	for _, after := range []string{
		`{"id":"` + postID + `","post_id":"` + postID + `","user_id":"` + userID + `","created_at":"2026-01-01T00:00:00Z"}`,
		`{"created_at":"2026-01-01T00:00:00Z","user_id":"` + userID + `","post_id":"` + postID + `","id":"` + postID + `"}`,
	} {
		require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "c", Table: "likes", LSN: 800, After: after}.Record(postID)))
	}
	assert.Equal(t, 2, rows.Block().Rows())
}

// A column that the mapping does not know is left out and counted by name; one that
// is gone is NULL, or its type's default, and counted too.
func TestUnknownAndDroppedColumns(t *testing.T) {
	rows := rowsOf(t, "posts")
	after := edit(without("caption"), func(columns map[string]json.RawMessage) { columns["likes"] = json.RawMessage("7") })
	for range 2 {
		require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "c", Table: "posts", LSN: 800, After: after}.Record(postID)))
	}
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "c", Table: "posts", LSN: 800, After: without("image_key")}.Record(postID)))
	absent := map[string]int64{}
	count := func(column string, n int64) { absent[column] = n }
	rows.EachAbsent(count)
	assert.Equal(t, map[string]int64{"likes": 2}, rows.Unknown())
	assert.Equal(t, map[string]int64{"caption": 2, "image_key": 1}, absent)
	assert.Equal(t, 3, rows.Block().Rows())
	rows.Reset()
	clear(absent)
	rows.EachAbsent(count)
	assert.Empty(t, rows.Unknown())
	assert.Empty(t, absent)
}

// Instants that ClickHouse cannot hold are cut to its bounds and counted by
// column.
func TestSaturation(t *testing.T) {
	rows := rowsOf(t, "posts")
	for _, instant := range []string{`"infinity"`, `"-infinity"`, `"+12000-01-01T00:00:00Z"`, `"2026-01-01T00:00:00Z"`} {
		require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "u", Table: "posts", LSN: 800, After: with("soft_delete", instant)}.Record(postID)))
	}
	counted := map[string]int64{}
	rows.EachSaturated(func(column string, count int64) { counted[column] = count })
	assert.Equal(t, map[string]int64{"soft_delete": 3}, counted)
}

// Filling a warm block allocates nothing per row.
func TestAppendAllocatesNothing(t *testing.T) {
	rows := rowsOf(t, "posts")
	var e debezium.Envelope
	value := cdctest.Change{Op: "u", Table: "posts", LSN: 800, Before: post, After: with("caption", `"a\nb"`)}.Record(postID).Value
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		rows.Reset()
		if err := e.Decode(value); err != nil {
			t.Error(err)
		}
		if err := rows.Append(&e); err != nil {
			t.Error(err)
		}
	}))
}
