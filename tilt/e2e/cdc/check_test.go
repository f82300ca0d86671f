package cdc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

const (
	equalWithin  = 20 * time.Second
	commitWithin = 5 * time.Minute
	mostShown    = 5 // differences
)

// table is a table of PostgreSQL and what follows it in ClickHouse.
type table struct {
	name    string
	columns []string // of PostgreSQL, the key first
	follows []target
}

// target is a table of ClickHouse; its columns stand for the table's in order.
type target struct {
	name    string
	where   string
	columns []string
}

func (t table) topic() string { return "cdc." + t.name }

func tables() []table {
	plain := func(name string, columns ...string) table {
		return table{name: name, columns: columns, follows: []target{{name: name, columns: columns}}}
	}
	relationships := []string{"id", "follower_id", "followee_id", "created_at"}
	const active = " WHERE status = 'active'"
	return []table{
		plain("users", "id", "username", "display_name", "bio", "avatar_key", "is_verified", "created_at", "updated_at"),
		plain("posts", "id", "user_id", "caption", "image_key", "status", "soft_delete", "created_at", "updated_at"),
		plain("comments", "id", "post_id", "user_id", "parent_comment_id", "content", "soft_delete", "created_at", "updated_at"),
		plain("likes", "id", "post_id", "user_id", "created_at"),
		{name: "follows", columns: []string{"id", "follower_id", "following_id", "created_at"}, follows: []target{
			{name: "user_relationships", columns: relationships},
			{name: "user_relationships", where: active, columns: relationships},
			{name: "user_relationships_current", where: active, columns: relationships},
			{name: "user_followers_current", where: active, columns: relationships},
		}},
	}
}

// isInstant tells columns that are compared as microseconds since 1970.
func isInstant(column string) bool {
	return strings.HasSuffix(column, "_at") || column == "soft_delete"
}

// row is one row as text, its key first; nil is NULL.
type row []*string

// source is PostgreSQL's table, with instants cut to what ClickHouse can hold.
func (w *world) source(t *testing.T, of table) map[string]row {
	t.Helper()
	var expressions []string
	for _, column := range of.columns {
		switch {
		case w.dropped[of.name+"."+column]:
			expressions = append(expressions, "NULL")
		case isInstant(column):
			expressions = append(expressions, "CASE WHEN "+column+" IS NOT NULL THEN (extract(epoch FROM least(greatest("+column+", '1900-01-01Z'), '2299-12-31 23:59:59.999999Z')) * 1000000)::bigint::text END")
		default:
			expressions = append(expressions, column+"::text")
		}
	}
	if w.db.IsClosed() {
		w.db = w.stack.Connect(t)
	}
	found, err := w.db.Query(t.Context(), "SELECT "+strings.Join(expressions, ", ")+" FROM "+of.name)
	require.NoError(t, err)
	rows := map[string]row{}
	_, err = pgx.CollectRows(found, func(r pgx.CollectableRow) (struct{}, error) {
		values := make(row, len(of.columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		err := r.Scan(into...)
		if err == nil {
			rows[*values[0]] = values
		}
		return struct{}{}, err
	})
	require.NoError(t, err)
	return rows
}

// stored is what a reader sees of a table of ClickHouse. A key that is there
// twice comes back as a difference.
func (w *world) stored(of target) (rows map[string]row, differences []string, err error) {
	var expressions []string
	for _, column := range of.columns {
		if isInstant(column) {
			column = "toUnixTimestamp64Micro(" + column + ")"
		}
		expressions = append(expressions, "toString("+column+")")
	}
	text, err := w.stack.ClickHouse("SELECT " + strings.Join(expressions, ", ") + " FROM " + of.name + " FINAL" + of.where + " FORMAT JSONCompactEachRow")
	if err != nil {
		return nil, nil, err
	}
	rows = map[string]row{}
	for line := range strings.Lines(text) {
		var values row
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", line, err)
		}
		key := *values[0]
		if rows[key] != nil {
			differences = append(differences, key+" is there twice")
		}
		rows[key] = values
	}
	return rows, differences, nil
}

// differences between a table and one that follows it.
func (w *world) differences(source map[string]row, of target) []string {
	stored, found, err := w.stored(of)
	if err != nil {
		return []string{err.Error()}
	}
	for _, key := range slices.Sorted(maps.Keys(source)) {
		if stored[key] == nil {
			found = append(found, key+" is missing")
			continue
		}
		for i, want := range source[key] {
			if got := stored[key][i]; !same(want, got) {
				found = append(found, fmt.Sprintf("%s: %s is %s, want %s", key, of.columns[i], show(got), show(want)))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		if source[key] == nil {
			found = append(found, key+" is too much")
		}
	}
	return found
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func show(text *string) string {
	const most = 60
	if text == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.*q (%d bytes)", most, *text, len(*text))
}

// check is what every scenario ends with.
func (w *world) check(t *testing.T) {
	t.Helper()
	w.awaitCaptured(t)
	w.awaitCommitted(t)
	for _, table := range tables() {
		source := w.source(t, table)
		for _, target := range table.follows {
			var found []string
			stacktest.Await(t, equalWithin, func() bool {
				found = w.differences(source, target)
				return len(found) == 0
			}, func() string {
				return fmt.Sprintf("%s%s differs from %s in %d places:\n%s", target.name, target.where, table.name, len(found), strings.Join(found[:min(len(found), mostShown)], "\n"))
			})
		}
	}
	w.awaitCommitted(t)
	assert.Equal(t, w.due, w.buried(t), "dead letters, by reason")
}

// awaitCommitted returns when the end of each topic is committed.
func (w *world) awaitCommitted(t *testing.T) {
	t.Helper()
	for _, table := range tables() {
		var ends, committed []int64
		stacktest.Await(t, commitWithin, func() bool {
			var err error
			ends = w.ends(t, table.topic())
			committed, err = w.kafka.Committed(t.Context(), group, table.topic(), len(ends))
			require.NoError(t, err)
			return slices.Equal(committed, ends)
		}, func() string { return fmt.Sprintf("%s: committed %v of %v", table.topic(), committed, ends) })
	}
}

// buried counts the records that are dead letters, by reason.
func (w *world) buried(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	seen := map[string]bool{} // a record that is read again becomes a letter again
	for _, letter := range w.letters(t) {
		origin := fmt.Sprint(letter.Topic, letter.Partition, letter.Offset)
		if !seen[origin] {
			counts[letter.ErrorClass]++
		}
		seen[origin] = true
	}
	return counts
}

func (w *world) letters(t *testing.T) []dlq.Letter {
	t.Helper()
	var all []dlq.Letter
	for _, record := range w.records(t, letters, w.fromStart(t, letters)) {
		letter, err := dlq.Decode(record.Value)
		require.NoError(t, err)
		all = append(all, letter)
	}
	return all
}

// final is a sum over all that a reader sees, versions included.
func (w *world) final(t *testing.T) string {
	t.Helper()
	var sums strings.Builder
	for _, table := range tables() {
		for _, target := range table.follows {
			sum, err := w.stack.ClickHouse("SELECT count(), groupBitXor(cityHash64(toString(tuple(*)))) FROM (SELECT * FROM " + target.name + " FINAL" + target.where + ")")
			require.NoError(t, err)
			fmt.Fprintf(&sums, "%s%s %s\n", target.name, target.where, sum)
		}
	}
	return sums.String()
}
