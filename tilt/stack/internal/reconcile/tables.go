package reconcile

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// mirror is a table of PostgreSQL and the one in ClickHouse that follows it.
type mirror struct {
	postgres   string
	clickhouse string
	renamed    map[string]string // column of ClickHouse → column of PostgreSQL
	constant   map[string]string // column of ClickHouse → what it holds in every row that is there
}

func (m mirror) name() string {
	if m.postgres == m.clickhouse {
		return m.postgres
	}
	return m.postgres + " → " + m.clickhouse
}

func mirrors() []mirror {
	return []mirror{
		{postgres: "users", clickhouse: "users"},
		{postgres: "posts", clickhouse: "posts"},
		{postgres: "comments", clickhouse: "comments"},
		{postgres: "likes", clickhouse: "likes"},
		{
			postgres: "follows", clickhouse: "user_relationships",
			renamed:  map[string]string{"followee_id": "following_id"},
			constant: map[string]string{"status": "active"},
		},
	}
}

// compareTable reads both sides of a mirror once.
func compareTable(ctx context.Context, conn *pgx.Conn, stored Querier, m mirror) (Table, error) {
	columns, err := sharedColumns(ctx, conn, stored, m)
	if err != nil {
		return Table{}, err
	}
	rows, err := conn.Query(ctx, columns.postgres(m.postgres))
	if err != nil {
		return Table{}, fmt.Errorf("reading %s from PostgreSQL: %w", m.postgres, err)
	}
	defer rows.Close()
	merging := newMerger(m.name(), columns.names(), postgresSource(rows, m.postgres))
	if err := merging.begin(); err != nil {
		return Table{}, err
	}
	if err := stored.Query(ctx, columns.clickhouse(m.clickhouse), nil, eachRow(merging)); err != nil {
		return Table{}, fmt.Errorf("reading %s from ClickHouse: %w", m.clickhouse, err)
	}
	return merging.end()
}

func postgresSource(rows pgx.Rows, table string) source {
	return func() (row, error) {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return nil, fmt.Errorf("reading %s from PostgreSQL: %w", table, err)
			}
			return nil, nil
		}
		values, err := rows.Values()
		if err != nil {
			return nil, fmt.Errorf("reading a row of %s from PostgreSQL: %w", table, err)
		}
		return values, nil
	}
}

func eachRow(merging *merger) func(*block.Reader) error {
	return func(rows *block.Reader) error {
		for i := range rows.Rows() {
			if err := merging.stored(rows.Row(i)); err != nil {
				return err
			}
		}
		return nil
	}
}
