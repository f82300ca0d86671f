package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// checkPublication looks at what PostgreSQL sends to the connector. Row filters and
// column lists exist from version 15 on.
func (p *postgresCheck) checkPublication(ctx context.Context) error {
	var all, inserts, updates, deletes, truncates bool
	err := p.conn.QueryRow(ctx, `SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate
		FROM pg_publication WHERE pubname = $1`, p.publication).Scan(&all, &inserts, &updates, &deletes, &truncates)
	if errors.Is(err, pgx.ErrNoRows) {
		p.fail(p.create(), "publication %s is missing", p.publication)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the publication: %w", err)
	}
	if inserts && updates && deletes && truncates {
		p.ok("publication %s publishes all operations", p.publication)
	} else {
		p.fail("ALTER PUBLICATION "+identifier(p.publication)+" SET (publish = 'insert, update, delete, truncate')",
			"publication %s leaves out operations: insert %t, update %t, delete %t, truncate %t", p.publication, inserts, updates, deletes, truncates)
	}
	if all {
		p.warn("stop the connector, BEGIN; DROP PUBLICATION "+identifier(p.publication)+"; "+p.create()+"; COMMIT",
			"publication %s is FOR ALL TABLES: PostgreSQL refuses updates and deletes of tables without a primary key", p.publication)
	}
	return p.checkPublished(ctx, all)
}

// create is the statement that makes the publication.
func (p *postgresCheck) create() string {
	return "CREATE PUBLICATION " + identifier(p.publication) + " FOR TABLE " + list(p.names())
}

// names are those of the mapped tables.
func (p *postgresCheck) names() []string {
	names := make([]string, 0, len(p.options.Tables))
	for _, t := range p.options.Tables {
		names = append(names, t.Source)
	}
	return names
}

// list is names as a statement has them.
func list(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, identifier(name))
	}
	return strings.Join(quoted, ", ")
}

// mapped are the columns of PostgreSQL that the mapping has.
func mapped(t table.Table) []string {
	var names []string
	for _, field := range t.Fields() {
		if field.Source != "" {
			names = append(names, field.Source)
		}
	}
	return names
}

// checkPublished looks at each table of the publication, unless it has all.
func (p *postgresCheck) checkPublished(ctx context.Context, all bool) error {
	if err := p.readPublished(ctx); err != nil || all {
		return err
	}
	whole, err := p.whole(ctx)
	if err != nil {
		return err
	}
	since := len(p.findings)
	for _, t := range p.options.Tables {
		one, isThere := p.published[t.Source]
		if !isThere {
			p.fail("ALTER PUBLICATION "+identifier(p.publication)+" ADD TABLE "+identifier(t.Source), "%s is not in publication %s", t.Source, p.publication)
			continue
		}
		if one.filter != "" {
			p.fail(whole, "%s has the row filter %s in publication %s: the other rows never arrive", t.Source, one.filter, p.publication)
		}
		if one.columns != "" {
			p.fail(whole, "%s has the column list (%s) in publication %s: after a snapshot by signal the connector takes streamed values for those of other columns",
				t.Source, one.columns, p.publication)
		}
	}
	if p.isWell(since) {
		p.ok("publication %s has every mapped table, whole", p.publication)
	}
	return nil
}

// publishedTable is what a publication says of one of its tables.
type publishedTable struct {
	// columns is its column list, "" for all; filter its row filter, "" for none.
	columns, filter string
}

// readPublished reads the published tables of the schema public.
func (p *postgresCheck) readPublished(ctx context.Context) error {
	query := `SELECT tablename, '', '' FROM pg_publication_tables WHERE pubname = $1 AND schemaname = 'public'`
	if p.version >= withLists {
		query = `SELECT t.tablename, CASE WHEN r.prattrs IS NULL THEN '' ELSE array_to_string(t.attnames, ', ') END, coalesce(t.rowfilter, '')
			FROM pg_publication_tables t
			LEFT JOIN pg_publication_rel r ON r.prrelid = format('%I.%I', t.schemaname, t.tablename)::regclass
				AND r.prpubid = (SELECT oid FROM pg_publication WHERE pubname = t.pubname)
			WHERE t.pubname = $1 AND t.schemaname = 'public'`
	}
	rows, err := p.conn.Query(ctx, query, p.publication)
	if err != nil {
		return fmt.Errorf("reading the published tables: %w", err)
	}
	p.published = map[string]publishedTable{}
	var name string
	var one publishedTable
	_, err = pgx.ForEachRow(rows, []any{&name, &one.columns, &one.filter}, func() error {
		p.published[name] = one
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the published tables: %w", err)
	}
	return nil
}

// whole is the statement that publishes the mapped tables whole, and what else is
// published as it is. It does so at once: between DROP TABLE and ADD TABLE changes
// would be lost.
func (p *postgresCheck) whole(ctx context.Context) (string, error) {
	if p.version < withLists {
		return "", nil
	}
	var others []string
	err := p.conn.QueryRow(ctx, `SELECT coalesce(array_agg(entry ORDER BY is_schema, entry), '{}') FROM (
			SELECT false AS is_schema, format('%I.%I', n.nspname, c.relname)
				|| coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
					WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', '')
				|| coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') AS entry
			FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid
			JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE b.pubname = $1 AND NOT (n.nspname = 'public' AND c.relname = ANY ($2))
			UNION ALL SELECT true, format('TABLES IN SCHEMA %I', n.nspname)
			FROM pg_publication_namespace s JOIN pg_publication b ON b.oid = s.pnpubid JOIN pg_namespace n ON n.oid = s.pnnspid
			WHERE b.pubname = $1) listed`, p.publication, p.names()).Scan(&others)
	if err != nil {
		return "", fmt.Errorf("reading what else is published: %w", err)
	}
	return "ALTER PUBLICATION " + identifier(p.publication) + " SET TABLE " + strings.Join(append([]string{list(p.names())}, others...), ", "), nil
}
