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
		p.fail("stop the connector, DROP PUBLICATION "+identifier(p.publication)+"; "+p.create(),
			"publication %s is FOR ALL TABLES, which has no column lists: private columns reach the connector", p.publication)
	}
	return p.checkPublished(ctx, all)
}

// create is the statement that makes the publication.
func (p *postgresCheck) create() string {
	return "CREATE PUBLICATION " + identifier(p.publication) + " FOR TABLE " + strings.Join(p.published(), ", ")
}

// published are the mapped tables as a publication's list has them.
func (p *postgresCheck) published() []string {
	listed := make([]string, 0, len(p.options.Tables))
	for _, t := range p.options.Tables {
		listed = append(listed, entry(t))
	}
	return listed
}

// entry is one table of a publication's list.
func entry(t table.Table) string {
	if len(private()[t.Source]) == 0 {
		return identifier(t.Source)
	}
	return identifier(t.Source) + " (" + strings.Join(mapped(t), ", ") + ")"
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
	filters, err := p.readLists(ctx)
	if err != nil || all {
		return err
	}
	since := len(p.findings)
	for _, t := range p.options.Tables {
		list, isThere := p.lists[t.Source]
		again := "ALTER PUBLICATION " + identifier(p.publication) + " DROP TABLE " + identifier(t.Source) +
			"; ALTER PUBLICATION " + identifier(p.publication) + " ADD TABLE " + entry(t)
		if !isThere {
			p.fail("ALTER PUBLICATION "+identifier(p.publication)+" ADD TABLE "+entry(t), "%s is not in publication %s", t.Source, p.publication)
			continue
		}
		if filter := filters[t.Source]; filter != "" {
			p.fail(again, "%s has the row filter %s in publication %s: the other rows never arrive", t.Source, filter, p.publication)
		}
		for _, column := range mapped(t) {
			if list != nil && !slices.Contains(list, column) {
				p.fail(again, "%s.%s is not in the column list of publication %s", t.Source, column, p.publication)
			}
		}
		for _, column := range private()[t.Source] {
			if p.version >= withColumnLists && (list == nil || slices.Contains(list, column)) {
				p.fail(again, "%s.%s is private and leaves PostgreSQL by publication %s", t.Source, column, p.publication)
			}
		}
	}
	if p.isWell(since) {
		p.ok("publication %s has every mapped table, without private columns", p.publication)
	}
	return nil
}

// readLists reads the published tables of the schema public, their column lists and
// row filters.
func (p *postgresCheck) readLists(ctx context.Context) (filters map[string]string, err error) {
	query := `SELECT tablename, NULL::text[], NULL::text FROM pg_publication_tables WHERE pubname = $1 AND schemaname = 'public'`
	if p.version >= withColumnLists {
		query = `SELECT t.tablename, CASE WHEN r.prattrs IS NOT NULL THEN t.attnames::text[] END, t.rowfilter
			FROM pg_publication_tables t
			LEFT JOIN pg_publication_rel r ON r.prrelid = format('%I.%I', t.schemaname, t.tablename)::regclass
				AND r.prpubid = (SELECT oid FROM pg_publication WHERE pubname = t.pubname)
			WHERE t.pubname = $1 AND t.schemaname = 'public'`
	}
	rows, err := p.conn.Query(ctx, query, p.publication)
	if err != nil {
		return nil, fmt.Errorf("reading the published tables: %w", err)
	}
	p.lists, filters = map[string][]string{}, map[string]string{}
	var name string
	var list []string
	var filter *string
	_, err = pgx.ForEachRow(rows, []any{&name, &list, &filter}, func() error {
		p.lists[name] = slices.Clone(list)
		if filter != nil {
			filters[name] = *filter
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the published tables: %w", err)
	}
	return filters, nil
}
