package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// attribute is a column of PostgreSQL.
type attribute struct {
	// kind is its type, a domain's that of its base.
	kind       string
	isNullable bool
	// modifier is the type's: of a timestamp or a time its precision, -1 being none,
	// which is 6.
	modifier int
}

// isMilli tells whether the connector sends the column in milliseconds, where both
// are told from the type alone.
func (a attribute) isMilli() bool {
	isTime := a.kind == "timestamp without time zone" || a.kind == "time without time zone"
	return isTime && 0 <= a.modifier && a.modifier <= 3
}

func (p *postgresCheck) checkTables(ctx context.Context) error {
	for _, t := range p.options.Tables {
		found, err := p.attributes(ctx, t.Source)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			p.fail("create it, or take it out of the mapping", "table %s is missing", t.Source)
			continue
		}
		since := len(p.findings)
		p.checkColumns(t, found)
		if err := p.checkIdentity(ctx, t); err != nil {
			return err
		}
		if p.isWell(since) {
			p.ok("table %s has the mapped columns and a fitting replica identity", t.Source)
		}
	}
	return nil
}

func (p *postgresCheck) attributes(ctx context.Context, name string) (map[string]attribute, error) {
	rows, err := p.conn.Query(ctx, `SELECT a.attname, CASE WHEN t.typtype = 'e' THEN 'enum'
			ELSE format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL) END, NOT a.attnotnull,
			CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`, "public."+identifier(name))
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", name, err)
	}
	found := map[string]attribute{}
	var column string
	var one attribute
	_, err = pgx.ForEachRow(rows, []any{&column, &one.kind, &one.isNullable, &one.modifier}, func() error {
		found[column] = one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", name, err)
	}
	return found, nil
}

func (p *postgresCheck) checkColumns(t table.Table, found map[string]attribute) {
	for _, field := range t.Fields() {
		if field.Source == "" {
			continue
		}
		name := t.Source + "." + field.Source
		one, isThere := found[field.Source]
		switch {
		case !isThere && (field.IsKey || field.IsViewKey):
			p.fail("add it again", "%s is missing: every change of %s becomes a dead letter", name, t.Source)
		case !isThere:
			p.warn("add it again, or take it out of the mapping", "%s is missing: it becomes NULL, or its type's default", name)
		case !fits(one.kind, field.Kind):
			p.fail("change the mapping and ClickHouse's column", "%s is %s, which does not fit %s", name, one.kind, field.Kind)
		case one.isMilli() != field.IsMilli:
			p.fail("map it by a kind in Milli if its precision is 3 or less, and by one without if not",
				"%s is %s of precision %d, which arrives in another unit than its mapping reads", name, one.kind, one.modifier)
		case one.isNullable && !field.IsNullable && !strings.HasPrefix(field.Kind, "Array("):
			p.fail("ALTER TABLE "+identifier(t.Source)+" ALTER COLUMN "+identifier(field.Source)+" SET NOT NULL, or make it Nullable in the mapping",
				"%s may be NULL, and ClickHouse's column may not: such a row becomes a dead letter", name)
		}
	}
}

// fits tells whether what the connector sends of a type can be stored in a column
// of ClickHouse.
func fits(source, stored string) bool {
	for _, wrapper := range []string{"LowCardinality(", "Nullable("} {
		if inner, ok := strings.CutPrefix(stored, wrapper); ok {
			stored = strings.TrimSuffix(inner, ")")
		}
	}
	family, _, _ := strings.Cut(stored, "(")
	switch family {
	case "UUID":
		return source == "uuid"
	case "Bool":
		return source == "boolean" || source == "bit"
	case "Int16":
		return source == "smallint"
	case "Int32":
		return source == "smallint" || source == "integer"
	case "Int64":
		return slices.Contains([]string{"smallint", "integer", "bigint", "interval", "time without time zone"}, source)
	case "Float32":
		return source == "real"
	case "Float64":
		return source == "real" || source == "double precision"
	case "Decimal":
		return source == "numeric"
	case "Date32":
		return source == "date"
	case "DateTime64":
		return strings.HasPrefix(source, "timestamp")
	case "Array":
		return strings.HasSuffix(source, "[]")
	default:
		return !strings.HasSuffix(source, "[]") && !slices.Contains([]string{
			"smallint", "integer", "bigint", "real", "double precision", "boolean", "date", "interval",
			"timestamp with time zone", "timestamp without time zone", "time without time zone",
		}, source)
	}
}

// checkIdentity looks at what PostgreSQL sends of the old row, and at the key.
func (p *postgresCheck) checkIdentity(ctx context.Context, t table.Table) error {
	var identity, index string
	var indexIsPrimary bool
	var key []string
	err := p.conn.QueryRow(ctx, `SELECT c.relreplident::text, coalesce(i.indexrelid::regclass::text, ''), coalesce(i.indisprimary, false),
			coalesce((SELECT array_agg(a.attname::text) FROM pg_index k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.indkey)
				WHERE k.indrelid = c.oid AND k.indisprimary), '{}')
		FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
		WHERE c.oid = to_regclass($1)`, "public."+identifier(t.Source)).Scan(&identity, &index, &indexIsPrimary, &key)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the replica identity of %s: %w", t.Source, err)
	}
	for _, field := range t.Fields() {
		if field.IsKey && !slices.Equal(key, []string{field.Source}) {
			p.fail("make "+field.Source+" the primary key", "%s has the primary key (%s), the mapping has %s", t.Source, strings.Join(key, ", "), field.Source)
		}
	}
	if identity == "i" && indexIsPrimary {
		identity = "d"
	}
	p.judgeIdentity(t, identity, index)
	return nil
}

// judgeIdentity wants the whole old row, unless it has private columns: no record of
// the WAL need hold those once more.
func (p *postgresCheck) judgeIdentity(t table.Table, identity, index string) {
	hasPrivate := len(private()[t.Source]) > 0
	alter := "ALTER TABLE " + identifier(t.Source) + " REPLICA IDENTITY "
	wanted := alter + "FULL"
	if hasPrivate {
		wanted = alter + "DEFAULT"
	}
	isViewKeyed := slices.ContainsFunc(t.Fields(), func(f table.Field) bool { return f.IsViewKey })
	switch {
	case identity == "i":
		p.fail(wanted, "%s has REPLICA IDENTITY USING INDEX %s: every delete arrives with a key of zeros", t.Source, index)
	case identity == "n":
		p.fail(wanted, "%s has REPLICA IDENTITY NOTHING: PostgreSQL refuses its updates and deletes", t.Source)
	case identity == "d" && isViewKeyed:
		p.fail(wanted, "%s has REPLICA IDENTITY DEFAULT: a delete does not say what the keys of its views need", t.Source)
	case identity == "d" && !hasPrivate:
		p.warn(wanted, "%s has REPLICA IDENTITY DEFAULT: a large value that an update leaves unchanged has to be looked up in ClickHouse", t.Source)
	}
}
