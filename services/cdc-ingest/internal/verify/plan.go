package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Querier is the part of a ClickHouse pool that is used here.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

var (
	errMissingTable  = errors.New("table is missing")
	errMissingColumn = errors.New("column is missing")
	errNoKey         = errors.New("the mapping has no key")
)

// plan is how one table is read and compared.
type plan struct {
	source, target string
	// columns have the key first.
	columns []column
	order   order
	// keySource is the key's column in PostgreSQL and keySourceKind its type there,
	// keyTarget and keyTargetKind the same in ClickHouse.
	keySource, keySourceKind string
	keyTarget, keyTargetKind string
}

// newPlan looks up the types of all mapped columns on both sides.
func newPlan(ctx context.Context, conn *pgx.Conn, stored Querier, t table.Table) (plan, error) {
	sourceKinds, err := postgresKinds(ctx, conn, t.Source)
	if err != nil {
		return plan{}, err
	}
	storedKinds, err := clickhouseKinds(ctx, stored, t.Target)
	if err != nil {
		return plan{}, err
	}
	p := plan{source: t.Source, target: t.Target}
	for _, field := range t.Fields() {
		if err := p.add(field, sourceKinds, storedKinds); err != nil {
			return plan{}, err
		}
	}
	if p.keySource == "" {
		return plan{}, errNoKey
	}
	p.order, err = orderOf(p.keyTargetKind)
	return p, err
}

func (p *plan) add(field table.Field, sourceKinds, storedKinds map[string]string) error {
	storedKind, ok := storedKinds[field.Target]
	if !ok {
		return fmt.Errorf("%w in ClickHouse: %s", errMissingColumn, field.Target)
	}
	one := column{name: field.Target, source: literal(field.Live)}
	sourceKind, ok := sourceKinds[field.Source]
	var err error
	switch {
	case field.Source == "":
		_, one.stored, err = expressions("", "", field.Target, storedKind)
	case !ok:
		return fmt.Errorf("%w in PostgreSQL: %s", errMissingColumn, field.Source)
	default:
		one.source, one.stored, err = expressions(field.Source, sourceKind, field.Target, storedKind)
	}
	if err != nil {
		return err
	}
	if !field.IsKey {
		p.columns = append(p.columns, one)
		return nil
	}
	p.keySource, p.keySourceKind = field.Source, sourceKind
	p.keyTarget, p.keyTargetKind = field.Target, unwrapped(storedKind)
	p.columns = append([]column{one}, p.columns...)
	return nil
}

func postgresKinds(ctx context.Context, conn *pgx.Conn, name string) (map[string]string, error) {
	rows, err := conn.Query(ctx, `SELECT a.attname, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL)
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`, identifier(name))
	if err != nil {
		return nil, fmt.Errorf("reading the columns in PostgreSQL: %w", err)
	}
	found := map[string]string{}
	var column, kind string
	_, err = pgx.ForEachRow(rows, []any{&column, &kind}, func() error {
		found[column] = kind
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the columns in PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w in PostgreSQL: %s", errMissingTable, name)
	}
	return found, nil
}

func clickhouseKinds(ctx context.Context, stored Querier, name string) (map[string]string, error) {
	found := map[string]string{}
	const query = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
	err := stored.Query(ctx, query, clickhouse.Parameters{"table": name}, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var column, kind string
			if err := rows.Scan(i, &column, &kind); err != nil {
				return err
			}
			found[column] = kind
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the columns in ClickHouse: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w in ClickHouse: %s", errMissingTable, name)
	}
	return found, nil
}

// fromPostgres selects the columns.
func (p *plan) fromPostgres() string {
	expressions := make([]string, len(p.columns))
	for i, one := range p.columns {
		expressions[i] = one.source
	}
	return "SELECT " + strings.Join(expressions, ", ") + " FROM " + identifier(p.source)
}

// fromClickHouse selects the columns. The cast gives every expression one type.
func (p *plan) fromClickHouse() string {
	expressions := make([]string, len(p.columns))
	for i, one := range p.columns {
		expressions[i] = fmt.Sprintf("CAST(%s AS Nullable(String)) AS value_%d", one.stored, i)
	}
	return "SELECT " + strings.Join(expressions, ", ") + " FROM " + identifier(p.target) + " FINAL"
}
