package stored

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/event"
)

// Table is where events are stored.
const Table = "post_events"

// mostEvents bounds one query.
const mostEvents = 500

// Latest asks ClickHouse for what is stored by now; a clickhouse.Writer does.
type Latest interface {
	QueryLatest(ctx context.Context, tables []string, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Identity is what makes two events one.
type Identity struct {
	ID     uuid.UUID
	TimeMS int64
}

// Of returns the identity of an event.
func Of(e *event.Event) Identity { return Identity{ID: e.ID, TimeMS: e.TimeMS} }

// Find returns the identities of those events that are stored, by their posts: one
// that is stored as another post's is not found.
func Find(ctx context.Context, latest Latest, events []event.Event) (map[Identity]bool, error) {
	asked := make(map[Identity]bool, len(events))
	for i := range events {
		asked[Of(&events[i])] = true
	}
	found := map[Identity]bool{}
	for len(events) > 0 {
		n := min(len(events), mostEvents)
		err := find(ctx, latest, events[:n], func(id Identity) {
			if asked[id] {
				found[id] = true
			}
		})
		if err != nil {
			return nil, fmt.Errorf("looking events up in %s: %w", Table, err)
		}
		events = events[n:]
	}
	return found, nil
}

// find calls each with events that are stored, some of which may not be asked for.
func find(ctx context.Context, latest Latest, events []event.Event, each func(Identity)) error {
	const sql = `SELECT event_id, toUnixTimestamp64Milli(event_time) FROM ` + Table + `
		WHERE post_id IN {posts:Array(UUID)} AND event_id IN {ids:Array(UUID)}
			AND event_time BETWEEN fromUnixTimestamp64Milli({first:Int64}) AND fromUnixTimestamp64Milli({last:Int64})`
	posts, ids := make([]string, 0, len(events)), make([]string, 0, len(events))
	first, last := events[0].TimeMS, events[0].TimeMS
	for i := range events {
		posts = append(posts, "'"+events[i].PostID.String()+"'")
		ids = append(ids, "'"+events[i].ID.String()+"'")
		first, last = min(first, events[i].TimeMS), max(last, events[i].TimeMS)
	}
	parameters := clickhouse.Parameters{
		"posts": "[" + strings.Join(posts, ",") + "]", "ids": "[" + strings.Join(ids, ",") + "]",
		"first": strconv.FormatInt(first, 10), "last": strconv.FormatInt(last, 10),
	}
	return latest.QueryLatest(ctx, []string{Table}, sql, parameters, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var id [16]byte
			var timeMS int64
			if err := rows.Scan(i, &id, &timeMS); err != nil {
				return err
			}
			each(Identity{id, timeMS})
		}
		return nil
	})
}
