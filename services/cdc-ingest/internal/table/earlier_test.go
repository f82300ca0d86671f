package table_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

const (
	followID  = "66666666-0000-4000-8000-000000000001"
	unchanged = `"__debezium_unavailable_value"`
)

// lsn is the version of a live row at a position.
func lsn(position uint64) uint64 { return position | 2 }

// row is a row under a post's or a follow's names, as a store restores it.
func row(pairs ...string) debezium.Row {
	var r debezium.Row
	for i := 0; i < len(pairs); i += 2 {
		r = append(r, debezium.Column{Name: []byte(pairs[i]), Value: debezium.Value{Raw: []byte(pairs[i+1])}})
	}
	return r
}

// halfOf is an update of the post that leaves its caption unchanged.
func halfOf(position uint64) cdctest.Record {
	return cdctest.Change{Op: "u", Table: "posts", LSN: position, After: with("caption", unchanged)}.Record(postID)
}

// One need a key is asked for, that of its first change.
func TestNeeds(t *testing.T) {
	rows := rowsOf(t, "posts")
	for _, position := range []uint64{816, 824} {
		require.ErrorIs(t, appendTo(t, rows, halfOf(position)), table.ErrIncomplete)
	}
	require.Equal(t, []table.Need{{Key: `"` + postID + `"`, Version: lsn(816)}}, rows.Needs())
	assert.Equal(t, uint64(817), rows.Needs()[0].Below())
	assert.Zero(t, rows.Block().Rows())
	rows.Reset()
	assert.Empty(t, rows.Needs())
	require.ErrorIs(t, appendTo(t, rows, halfOf(816)), table.ErrIncomplete)
	assert.Len(t, rows.Needs(), 1)
}

// A change is superseded by what is stored if that is newer than itself, not than
// the first change of its key: behind those that were stored before, a new one must
// not be lost.
func TestNewChangeBehindSupersededOnes(t *testing.T) {
	rows := rowsOf(t, "posts")
	rows.Know(map[string]table.Earlier{`"` + postID + `"`: {
		Row: row("id", `"`+postID+`"`, "caption", `"kept"`), Version: lsn(824),
	}})
	require.ErrorIs(t, appendTo(t, rows, halfOf(816)), table.ErrSuperseded)
	require.NoError(t, appendTo(t, rows, halfOf(824)), "its own row, which a view may lack")
	require.NoError(t, appendTo(t, rows, halfOf(832)))
	assert.Equal(t, 2, rows.Block().Rows())
	assert.Equal(t, int64(2), rows.Completions())
}

// A deleted row completes nothing.
func TestDeletedRowCompletesNothing(t *testing.T) {
	rows := rowsOf(t, "posts")
	rows.Know(map[string]table.Earlier{`"` + postID + `"`: {Row: row("caption", `"kept"`), Version: 801, IsDeleted: true}})
	require.ErrorIs(t, appendTo(t, rows, halfOf(816)), table.ErrToast)
	assert.Zero(t, rows.Completions())
}

// An update that is refused changes nothing of what is known: the next one still
// leaves the views under the key that they have.
func TestRefusedUpdateIsNotRemembered(t *testing.T) {
	follow := func(followee, created string) string {
		return `{"id":"` + followID + `","follower_id":"` + userID + `","following_id":"` + followee + `","created_at":"` + created + `"}`
	}
	rows := rowsOf(t, "follows")
	rows.Know(map[string]table.Earlier{`"` + followID + `"`: {
		Row: row("id", `"`+followID+`"`, "follower_id", `"`+userID+`"`, "following_id", `"`+userID+`"`), Version: lsn(800),
	}})
	bad := cdctest.Change{Op: "u", Table: "follows", LSN: 808, After: follow(postID, "never")}.Record(followID)
	require.Error(t, appendTo(t, rows, bad))
	good := cdctest.Change{Op: "u", Table: "follows", LSN: 816, After: follow(followID, "2026-01-01T00:00:00Z")}.Record(followID)
	require.NoError(t, appendTo(t, rows, good))
	assert.Equal(t, 2, rows.Block().Rows(), "a tombstone under the old key, and the row")
}

// What a refused change would have counted is not counted, nor what is tried twice.
func TestCountsAreThoseOfRows(t *testing.T) {
	rows := rowsOf(t, "posts")
	rows.Know(map[string]table.Earlier{`"` + postID + `"`: {Row: row("caption", `"kept"`), Version: lsn(800)}})
	after := edit(with("caption", unchanged), func(columns map[string]json.RawMessage) { delete(columns, "image_key") })
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "u", Table: "posts", LSN: 816, After: after}.Record(postID)))
	bad := edit(after, func(columns map[string]json.RawMessage) { columns["updated_at"] = json.RawMessage(`"?"`) })
	require.Error(t, appendTo(t, rows, cdctest.Change{Op: "u", Table: "posts", LSN: 824, After: bad}.Record(postID)))
	absent := map[string]int64{}
	rows.EachAbsent(func(column string, n int64) { absent[column] = n })
	assert.Equal(t, map[string]int64{"image_key": 1}, absent)
	assert.Equal(t, int64(1), rows.Completions())
}

// Rows of a batch that are older than a truncate get tombstones with their keys, at
// its version; newer ones and tombstones get none.
func TestSwept(t *testing.T) {
	rows := rowsOf(t, "posts")
	for _, position := range []uint64{800, 816} {
		require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "c", Table: "posts", LSN: position, After: post}.Record(postID)))
	}
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "d", Table: "posts", LSN: 801 - 1, Before: post}.Record(postID)))
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "t", Table: "posts", LSN: 808}.Record("")))
	require.Equal(t, uint64(809), rows.Mark())
	swept := rows.Swept(rows.Mark())
	require.NotNil(t, swept)
	assert.Equal(t, 1, swept.Rows())
	assert.Equal(t, "(`id`, `version`, `is_deleted`)", swept.ColumnList())
	assert.Nil(t, rows.Swept(800))
}
