package clickhouse

import (
	"context"
	"regexp"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// qualified is the name of a table of any database.
type qualified struct{ database, name string }

func (q qualified) String() string { return q.database + "." + q.name }

// sql is the name as it stands in a statement.
func (q qualified) sql() string {
	escape := strings.NewReplacer(`\`, `\\`, "`", "\\`")
	return "`" + escape.Replace(q.database) + "`.`" + escape.Replace(q.name) + "`"
}

// described is what the server says of a table or view.
type described struct {
	name       qualified
	uuid       string
	engine     string // empty if there is no such table
	engineFull string
	create     string
	// views is what is fed when rows are inserted.
	views []qualified
}

// describe reads a table's definition and the views on it.
func (s *session) describe(ctx context.Context, name qualified) (described, error) {
	d := described{name: name}
	values := Parameters{"database": name.database, "name": name.name}
	const definition = `SELECT engine, engine_full, create_table_query, toString(uuid)
FROM system.tables WHERE database = {database:String} AND name = {name:String}`
	err := s.query(ctx, definition, values, func(reader *block.Reader) error {
		return reader.Scan(0, &d.engine, &d.engineFull, &d.create, &d.uuid)
	})
	if err != nil {
		return d, err
	}
	const dependants = `SELECT view.1, view.2 FROM (SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table)) AS view
FROM system.tables WHERE database = {database:String} AND name = {name:String}) ORDER BY view`
	err = s.query(ctx, dependants, values, func(reader *block.Reader) error {
		for row := range reader.Rows() {
			var view qualified
			if err := reader.Scan(row, &view.database, &view.name); err != nil {
				return err
			}
			d.views = append(d.views, view)
		}
		return nil
	})
	return d, err
}

// text returns the only value of a query's first row.
func (s *session) text(ctx context.Context, sql string, values Parameters) (text string, err error) {
	err = s.query(ctx, sql, values, func(reader *block.Reader) error { return reader.Scan(0, &text) })
	return text, err
}

const identifier = "(`(?:[^`\\\\]|\\\\.)*`|[A-Za-z0-9_]+)"

var (
	viewTarget      = regexp.MustCompile(`^CREATE MATERIALIZED VIEW ` + identifier + `\.` + identifier + ` TO ` + identifier + `\.` + identifier)
	refreshableView = regexp.MustCompile(`^CREATE MATERIALIZED VIEW ` + identifier + `\.` + identifier + ` REFRESH `)
)

const noUUID = "00000000-0000-0000-0000-000000000000"

// leadsTo returns where rows go from here: from a table to its views, from a view
// to its target. A view that is refreshed by schedule takes no rows.
func (d described) leadsTo() []qualified {
	if d.engine != "MaterializedView" {
		return d.views
	}
	if refreshableView.MatchString(d.create) {
		return nil
	}
	inner := ".inner_id." + d.uuid
	if d.uuid == noUUID {
		inner = ".inner." + d.name.name
	}
	target := qualified{database: d.name.database, name: inner}
	if named := viewTarget.FindStringSubmatch(d.create); named != nil {
		target = qualified{database: unquote(named[3]), name: unquote(named[4])}
	}
	return append([]qualified{target}, d.views...)
}

func unquote(identifier string) string {
	inner, isQuoted := strings.CutPrefix(identifier, "`")
	if !isQuoted {
		return identifier
	}
	return strings.NewReplacer(`\\`, `\`, "\\`", "`").Replace(strings.TrimSuffix(inner, "`"))
}
