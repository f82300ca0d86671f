package reconcile

import (
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// storedEvents reads the ids of one run, each as often as it is stored.
const storedEvents = `SELECT toString(event_id) AS id FROM post_events FINAL
	WHERE startsWith(id, {run:String}) ORDER BY id`

// compareEvents holds the stored event ids of this run against the ledger.
func compareEvents(ctx context.Context, stored Querier, ledger *traffic.Ledger) (Table, error) {
	next, stop := iter.Pull(ledger.Accepted())
	defer stop()
	merging := newMerger("post_events", []string{"event_id"}, func() (row, error) {
		id, ok := next()
		if !ok {
			return nil, nil
		}
		return row{id.String()}, nil
	})
	merging.undecided = func(key string) bool {
		id, err := uuid.Parse(key)
		return err == nil && ledger.Fate(id) == traffic.FateUnknown
	}
	if err := merging.begin(); err != nil {
		return Table{}, err
	}
	err := stored.Query(ctx, storedEvents, clickhouse.Parameters{"run": ledger.Prefix()}, eachRow(merging))
	if err != nil {
		return Table{}, fmt.Errorf("reading event ids from ClickHouse: %w", err)
	}
	return merging.end()
}
