package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Querier is the part of a ClickHouse pool that CanFill uses.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// CanFill returns a function that tells whether an incremental snapshot can fill the
// gaps of a table, by its name in PostgreSQL, and if not, why. A TRUNCATE in the
// newest epoch forbids it: the rows of a snapshot rank below its mark, and would be
// emptied with what it emptied. The mark that ends an epoch's own snapshot does not.
func CanFill(stored Querier, tables []table.Table, epochs debezium.Epochs) func(ctx context.Context, name string) (can bool, reason string, err error) {
	newest := uint8(0)
	for _, epoch := range epochs {
		newest = max(newest, epoch)
	}
	return func(ctx context.Context, name string) (can bool, reason string, err error) {
		at := slices.IndexFunc(tables, func(t table.Table) bool { return t.Source == name })
		if at < 0 {
			return false, "no table " + name + " is mapped", nil
		}
		var mark uint64
		err = stored.Query(ctx, "SELECT max(version) FROM cdc_truncates WHERE table_name = {table:String}",
			clickhouse.Parameters{"table": tables[at].Target}, func(rows *block.Reader) error { return rows.Scan(0, &mark) })
		if err != nil {
			return false, "", fmt.Errorf("reading the truncates of %s: %w", name, err)
		}
		if mark > debezium.FirstVersion(newest) {
			return false, fmt.Sprintf("%s was truncated in epoch %d, and what an incremental snapshot brings ranks below that: "+
				"repair it under a new topic prefix with the next epoch", name, debezium.EpochOf(mark)), nil
		}
		return true, "", nil
	}
}
