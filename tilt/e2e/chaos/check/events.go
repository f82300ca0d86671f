package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

const baseTable = "post_events"

// total is what the events of one round add up to.
type total struct {
	rows, ids, dwell int64
}

// events compares the base table, without FINAL, with the unique events: all rounds
// by their totals, and event by event the newest one and those that differ.
func (a *Auditor) events(ctx context.Context) ([]Violation, error) {
	want := map[string]total{}
	for _, e := range a.deps.Truth.Events() {
		t := want[e.AppVersion]
		if !e.IsForbidden {
			t.rows, t.ids, t.dwell = t.rows+1, t.ids+1, t.dwell+int64(e.DwellMS)
		}
		want[e.AppVersion] = t
	}
	got := map[string]total{}
	err := rows(ctx, a, "SELECT app_ver, toString(count()), toString(uniqExact(event_id)), toString(sum(dwell_ms)) FROM "+baseTable+
		" GROUP BY app_ver FORMAT JSONCompactEachRow", func(row [4]string) error {
		var t total
		_, err := fmt.Sscan(row[1]+" "+row[2]+" "+row[3], &t.rows, &t.ids, &t.dwell)
		got[row[0]] = t
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []Violation
	newest := workload.Tag(a.deps.Truth.RoundNumber())
	for tag, t := range want {
		if tag == newest || t != got[tag] {
			violations, err := a.eventsOf(ctx, tag)
			if err != nil {
				return nil, err
			}
			found = append(found, violations...)
		}
		delete(got, tag)
	}
	for tag, t := range got {
		found = append(found, Violation{baseTable, Wrong, fmt.Sprintf("%d rows of round %q, which was not", t.rows, tag)})
	}
	return found, nil
}

// eventRow is a row of post_events.
type eventRow struct {
	ID        uuid.UUID
	Cells     [8]string
	Partition int
	Offset    int64
}

// eventsOf compares the events of one round one by one.
func (a *Auditor) eventsOf(ctx context.Context, tag string) ([]Violation, error) {
	stored := map[uuid.UUID][]eventRow{}
	sql := fmt.Sprintf(`SELECT toString(event_id) AS ID, [event_type, toString(toUnixTimestamp64Milli(event_time)), toString(user_id), toString(post_id),
		toString(ifNull(author_id, toUUID('%s'))), toString(dwell_ms), device, toString(attributes)] AS Cells,
		partition AS Partition, toInt64(offset) AS Offset FROM %s WHERE app_ver = '%s' FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0`,
		uuid.Nil, baseTable, tag)
	if err := rows(ctx, a, sql, func(row eventRow) error {
		stored[row.ID] = append(stored[row.ID], row)
		return nil
	}); err != nil {
		return nil, err
	}
	var found []Violation
	for id, e := range a.deps.Truth.Events() {
		if e.AppVersion == tag {
			found = append(found, a.compareEvent(e, stored[id])...)
			delete(stored, id)
		}
	}
	for id, row := range stored {
		found = append(found, Violation{baseTable, Wrong, fmt.Sprintf("event %s was not made: %+v", id, row)})
	}
	return found, nil
}

func (a *Auditor) compareEvent(e *workload.Event, stored []eventRow) []Violation {
	say := func(harm Harm, what string) []Violation {
		return []Violation{{baseTable, harm, fmt.Sprintf("event %s of round %d, copies at %v: %s", e.ID, e.Round, a.journal.copies[e.ID], what)}}
	}
	switch {
	case e.IsForbidden && len(stored) > 0:
		return say(Wrong, "the constraint refuses it, and it is stored")
	case e.IsForbidden:
		return nil
	case len(stored) == 0:
		return say(Lost, "no row")
	case len(stored) > 1:
		return say(Doubled, fmt.Sprintf("rows of offsets %v", offsets(stored)))
	}
	row := stored[0]
	if want := cellsOf(e); row.Cells != want {
		return say(Wrong, fmt.Sprintf("row %v, want %v", row.Cells, want))
	}
	if at := (Place{workload.Topic, row.Partition, row.Offset}); !slices.Contains(a.journal.copies[e.ID], at) {
		return say(Wrong, fmt.Sprintf("it claims to be from %v", at))
	}
	return nil
}

func offsets(stored []eventRow) []string {
	all := make([]string, 0, len(stored))
	for _, row := range stored {
		all = append(all, fmt.Sprintf("%d/%d", row.Partition, row.Offset))
	}
	return all
}

func cellsOf(e *workload.Event) [8]string {
	attributes := make([]string, 0, len(e.Attributes))
	for _, attribute := range e.Attributes {
		attributes = append(attributes, "'"+attribute.Name+"':'"+attribute.Value+"'")
	}
	return [8]string{
		e.Action.EventType(), strconv.FormatInt(e.TimeMS, 10), e.UserID.String(), e.PostID.String(), e.AuthorID.String(),
		strconv.FormatUint(uint64(e.DwellMS), 10), e.Device, "{" + strings.Join(attributes, ",") + "}",
	}
}
