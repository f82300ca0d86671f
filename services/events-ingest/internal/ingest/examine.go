package ingest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/dlq/redrive"
	"github.com/nova-data/nova/pkg/event"
)

// Latest asks ClickHouse for what is stored by now; a clickhouse.Writer does.
type Latest interface {
	QueryLatest(ctx context.Context, tables []string, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Examiner is a redrive.Examiner: it decodes dead records, and looks their events
// up in post_events. What claims would say of a copy, they say for a day only.
type Examiner struct{ latest Latest }

// NewExaminer returns an Examiner.
func NewExaminer(latest Latest) *Examiner { return &Examiner{latest: latest} }

// identity is what makes two events one.
type identity struct {
	id     uuid.UUID
	timeMS int64
}

// Examine implements redrive.Examiner. Its error is ClickHouse's.
func (e *Examiner) Examine(ctx context.Context, records []dlq.Record) ([]redrive.Verdict, error) {
	verdicts := make([]redrive.Verdict, len(records))
	places := make(map[identity][]int, len(records))
	var events []event.Event
	for i, r := range records {
		record := consumer.Record{Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, consumer.Header(h))
		}
		var decoded event.Event
		if refusal := decode(&record, &decoded); refusal != nil {
			verdicts[i].Refused = refusal.err
			continue
		}
		events = append(events, decoded)
		id := identity{decoded.ID, decoded.TimeMS}
		places[id] = append(places[id], i)
	}
	if len(events) == 0 {
		return verdicts, nil
	}
	err := e.stored(ctx, events, func(id identity) {
		for _, i := range places[id] {
			verdicts[i].IsStored = true
		}
	})
	if err != nil {
		return nil, fmt.Errorf("looking events up in %s: %w", Table, err)
	}
	return verdicts, nil
}

// stored calls each with events that are stored, some of which may not be asked for.
func (e *Examiner) stored(ctx context.Context, events []event.Event, each func(identity)) error {
	const sql = `SELECT event_id, toUnixTimestamp64Milli(event_time) FROM post_events
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
	return e.latest.QueryLatest(ctx, []string{Table}, sql, parameters, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var id [16]byte
			var timeMS int64
			if err := rows.Scan(i, &id, &timeMS); err != nil {
				return err
			}
			each(identity{id, timeMS})
		}
		return nil
	})
}
