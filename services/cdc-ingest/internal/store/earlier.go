package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// mostKeys bounds one query.
const mostKeys = 500

// Earlier returns, for the key of each need, the row before that change, or an empty
// one.
func (s *Store) Earlier(ctx context.Context, t table.Table, needs []table.Need) (map[string]table.Earlier, error) {
	found := make(map[string]table.Earlier, len(needs))
	for _, need := range needs {
		found[need.Key] = table.Earlier{}
	}
	for len(needs) > 0 {
		n := min(len(needs), mostKeys)
		if err := s.earlier(ctx, t, needs[:n], func(key string, row table.Earlier) {
			found[key] = row
		}); err != nil {
			return nil, fmt.Errorf("looking for earlier rows of %s: %w", t.Target, err)
		}
		needs = needs[n:]
	}
	return found, nil
}

// earlier finds one row of each key: the newest before the change or else, since
// merges may have removed that, the change's own, or else a newer one.
func (s *Store) earlier(ctx context.Context, t table.Table, needs []table.Need, each func(string, table.Earlier)) error {
	columns := t.Restored()
	texts := make([]string, len(columns))
	for i, c := range columns {
		texts[i] = c.SQL
	}
	key, kind := t.Key()
	sql := fmt.Sprintf(`WITH indexOf({keys:Array(%[1]s)}, %[2]s) AS place
		SELECT version, is_deleted, %[3]s FROM %[4]s WHERE %[2]s IN ({keys:Array(%[1]s)})
		ORDER BY version < {below:Array(UInt64)}[place] DESC, version <= {own:Array(UInt64)}[place] DESC, version DESC
		LIMIT 1 BY %[2]s`, kind, key, strings.Join(texts, ", "), t.Target)
	return s.clickhouse.QueryLatest(ctx, []string{t.Target}, sql, parameters(needs), func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var version, isDeleted uint64
			values := make([]string, len(columns))
			into := make([]any, 0, 2+len(values))
			into = append(into, &version, &isDeleted)
			for at := range values {
				into = append(into, &values[at])
			}
			if err := rows.Scan(i, into...); err != nil {
				return err
			}
			row := make(debezium.Row, 0, len(values))
			for at, value := range values {
				row = append(row, debezium.Column{Name: []byte(columns[at].Source), Value: debezium.Value{Raw: []byte(value)}})
			}
			each(values[0], table.Earlier{Row: row, Version: version, IsDeleted: isDeleted == 1})
		}
		return nil
	})
}

// parameters are the needs as arrays, all in one order. A key is JSON: text in
// double quotes, which ClickHouse writes in single ones.
func parameters(needs []table.Need) clickhouse.Parameters {
	keys, below, own := make([]string, len(needs)), make([]string, len(needs)), make([]string, len(needs))
	for i, need := range needs {
		keys[i] = strings.ReplaceAll(need.Key, `"`, `'`)
		below[i], own[i] = strconv.FormatUint(need.Below(), 10), strconv.FormatUint(need.Version, 10)
	}
	array := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
	return clickhouse.Parameters{"keys": array(keys), "below": array(below), "own": array(own)}
}
