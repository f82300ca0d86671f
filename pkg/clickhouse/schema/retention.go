package schema

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

var ttlDays = regexp.MustCompile(`TTL toDateTime\(event_time\) \+ toIntervalDay\((\d+)\)`)

// planRetention compares how long post_events keeps an event with the
// configuration. A TTL of another form was made by hand and is left alone.
func (m *Migrator) planRetention(ctx context.Context) ([]Step, error) {
	const query = `SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = 'post_events'`
	var description string
	err := m.pool.Query(ctx, query, clickhouse.Parameters{"database": m.pool.Database()}, func(rows *block.Reader) error {
		return rows.Scan(0, &description)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the retention of post_events: %w", err)
	}
	want := strconv.Itoa(m.renderer.PostEventsTTLDays)
	has := ttlDays.FindStringSubmatch(description)
	if has == nil || has[1] == want {
		return nil, nil
	}
	return []Step{{
		Name:       fmt.Sprintf("post_events keeps events for %s days, not %s", want, has[1]),
		Statements: []string{"ALTER TABLE " + m.renderer.table("post_events") + " MODIFY TTL toDateTime(event_time) + toIntervalDay(" + want + ")"},
	}}, nil
}
