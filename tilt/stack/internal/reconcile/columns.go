package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

var errNotMirrored = errors.New("table has no id, or does not exist")

// column is one column of both sides, as expressions that give the same text
// for the same value.
type column struct {
	name     string // in ClickHouse
	source   string // SQL of PostgreSQL
	stored   string // SQL of ClickHouse
	identity bool
}

type columns []column

func (c columns) names() []string {
	names := make([]string, len(c))
	for i, one := range c {
		names[i] = one.name
	}
	return names
}

func (c columns) postgres(table string) string {
	expressions := make([]string, len(c))
	for i, one := range c {
		expressions[i] = one.source
	}
	return "SELECT " + strings.Join(expressions, ", ") + " FROM " + identifier(table) + " ORDER BY id"
}

// clickhouse orders by the text of the key: ClickHouse orders UUIDs by their
// second half, PostgreSQL by their bytes.
func (c columns) clickhouse(table string) string {
	expressions := make([]string, len(c))
	for i, one := range c {
		expressions[i] = fmt.Sprintf("%s AS value_%d", one.stored, i)
	}
	return "SELECT " + strings.Join(expressions, ", ") + " FROM " + identifier(table) + " FINAL ORDER BY value_0"
}

// sharedColumns returns the columns that both sides have, the key first.
func sharedColumns(ctx context.Context, conn *pgx.Conn, stored Querier, m mirror) (columns, error) {
	there, err := postgresColumns(ctx, conn, m.postgres)
	if err != nil {
		return nil, err
	}
	var shared columns
	add := func(name, kind string) {
		from := name
		if renamed, ok := m.renamed[name]; ok {
			from = renamed
		}
		one := column{name: name, stored: storedText(name, kind), identity: name == "id"}
		if constant, ok := m.constant[name]; ok {
			one.source = "'" + constant + "'"
		} else if sourceKind, ok := there[from]; ok {
			one.source = sourceText(from, sourceKind, kind)
		} else {
			return
		}
		if one.identity {
			shared = append(columns{one}, shared...)
		} else {
			shared = append(shared, one)
		}
	}
	if err := clickhouseColumns(ctx, stored, m.clickhouse, add); err != nil {
		return nil, err
	}
	if len(shared) == 0 || !shared[0].identity {
		return nil, fmt.Errorf("comparing %s: %w", m.name(), errNotMirrored)
	}
	return shared, nil
}

func postgresColumns(ctx context.Context, conn *pgx.Conn, table string) (map[string]string, error) {
	rows, err := conn.Query(ctx, `SELECT column_name, data_type FROM information_schema.columns
		WHERE table_schema = current_schema AND table_name = $1`, table)
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s in PostgreSQL: %w", table, err)
	}
	found := map[string]string{}
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		found[name] = kind
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s in PostgreSQL: %w", table, err)
	}
	return found, nil
}

func clickhouseColumns(ctx context.Context, stored Querier, table string, each func(name, kind string)) error {
	const query = `SELECT name, type FROM system.columns
		WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'ALIAS' ORDER BY position`
	err := stored.Query(ctx, query, clickhouse.Parameters{"table": table}, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var name, kind string
			if err := rows.Scan(i, &name, &kind); err != nil {
				return err
			}
			each(name, kind)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the columns of %s in ClickHouse: %w", table, err)
	}
	return nil
}

// sourceText is the text of a column of PostgreSQL in the precision of the
// column of ClickHouse that follows it.
func sourceText(name, kind, storedKind string) string {
	quoted := identifier(name)
	if !strings.HasPrefix(kind, "timestamp") {
		return quoted + "::text"
	}
	factor := "1000"
	if isMicroseconds(storedKind) {
		factor = "1000000"
	}
	// A value beyond a finite date has no number; the text shows as a difference.
	return "CASE WHEN isfinite(" + quoted + ") THEN floor(extract(epoch FROM " + quoted + ") * " + factor + ")::bigint::text ELSE " + quoted + "::text END"
}

func storedText(name, kind string) string {
	quoted := identifier(name)
	switch {
	case isMicroseconds(kind):
		return "toString(toUnixTimestamp64Micro(" + quoted + "))"
	case strings.Contains(kind, "DateTime64"):
		return "toString(toUnixTimestamp64Milli(" + quoted + "))"
	default:
		return "toString(" + quoted + ")"
	}
}

func isMicroseconds(kind string) bool { return strings.Contains(kind, "DateTime64(6") }

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
