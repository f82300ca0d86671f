package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// table is what matters of a table: how it is altered by hand without changing
// any of this (codecs, TTL, settings) is the operator's business.
type table struct {
	Engine       string   `json:"engine"`
	PartitionKey string   `json:"partition_key,omitempty"`
	SortingKey   string   `json:"sorting_key,omitempty"`
	Target       string   `json:"target,omitempty"`
	Select       string   `json:"select,omitempty"`
	Columns      []column `json:"columns"`
}

type column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
}

// state is tables by name.
type state map[string]table

// declared returns what the database holds when files 1 to version are applied:
// beside each file lies what it adds or changes.
func declared(version int) (state, error) {
	known, err := files()
	if err != nil {
		return nil, err
	}
	total := state{}
	for _, file := range known[:min(version, len(known))] {
		text, err := fs.ReadFile(embedded, path.Join(directory, stateName(file.name)))
		if err != nil {
			return nil, fmt.Errorf("reading what %s makes: %w", file.name, err)
		}
		var added state
		if err := json.Unmarshal(text, &added); err != nil {
			return nil, fmt.Errorf("reading what %s makes: %w", file.name, err)
		}
		maps.Copy(total, added)
	}
	return total, nil
}

func stateName(sqlName string) string { return strings.TrimSuffix(sqlName, ".sql") + ".json" }

const (
	selectTables = `SELECT name, engine, engine_full, partition_key, sorting_key, create_table_query, as_select
FROM system.tables WHERE database = {database:String}`
	selectColumns = `SELECT table, name, type, default_kind, default_expression
FROM system.columns WHERE database = {database:String} ORDER BY table, position`
)

// live reads the state of the database.
func live(ctx context.Context, pool *clickhouse.Pool) (state, error) {
	found := state{}
	database := clickhouse.Parameters{"database": pool.Database()}
	err := pool.Query(ctx, selectTables, database, func(rows *block.Reader) error {
		for row := range rows.Rows() {
			var (
				name, engine, engineFull, create, selected string
				made                                       table
			)
			if err := rows.Scan(row, &name, &engine, &engineFull, &made.PartitionKey, &made.SortingKey, &create, &selected); err != nil {
				return err
			}
			made.Engine = engineOf(engine, engineFull)
			made.Select = unqualified(selected, pool.Database())
			if target := viewTarget.FindStringSubmatch(create); target != nil {
				made.Target = unqualified(target[1], pool.Database())
			}
			found[name] = made
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tables of %s: %w", pool.Database(), err)
	}
	err = pool.Query(ctx, selectColumns, database, func(rows *block.Reader) error { return addColumns(found, rows) })
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", pool.Database(), err)
	}
	return found, nil
}

func addColumns(found state, rows *block.Reader) error {
	for row := range rows.Rows() {
		var (
			name, kind, expression string
			made                   column
		)
		if err := rows.Scan(row, &name, &made.Name, &made.Type, &kind, &expression); err != nil {
			return err
		}
		made.Default = strings.TrimSpace(kind + " " + expression)
		if owner, ok := found[name]; ok {
			owner.Columns = append(owner.Columns, made)
			found[name] = owner
		}
	}
	return nil
}

var (
	engineClauses  = regexp.MustCompile(` (PARTITION BY|PRIMARY KEY|ORDER BY|SAMPLE BY|TTL|SETTINGS) .*$`)
	replicatedPath = regexp.MustCompile(`^Replicated(\w+)\('(?:[^'\\]|\\.)*', '(?:[^'\\]|\\.)*'(?:, )?(.*)\)$`)
	viewTarget     = regexp.MustCompile(`^CREATE MATERIALIZED VIEW .*? TO (\S+)`)
)

// engineOf returns the engine with its arguments, in plain form: which form it
// takes is the installation's choice.
func engineOf(engine, full string) string {
	described := engineClauses.ReplaceAllString(full, "")
	if match := replicatedPath.FindStringSubmatch(described); match != nil {
		return call(match[1], match[2])
	}
	if described == "" {
		return engine
	}
	return described
}

func unqualified(sql, database string) string {
	return strings.NewReplacer("`"+database+"`.", "", database+".", "").Replace(sql)
}

// differences says in words how the tables of the first of wanted are found in got.
// What is as in a later one is no difference: its files may be half way, left so or
// at work in another process.
func differences(wanted []state, got state) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(wanted[0])) {
		actual, ok := got[name]
		if !ok {
			found = append(found, fmt.Sprintf("table %s is missing", name))
			continue
		}
		versions := make([]table, len(wanted))
		for i := range wanted {
			versions[i] = wanted[i][name]
		}
		found = append(found, tableDifferences(name, versions, actual)...)
	}
	return found
}

func tableDifferences(name string, versions []table, got table) []string {
	var found []string
	for _, property := range []struct {
		what string
		of   func(table) string
	}{
		{"engine", func(t table) string { return t.Engine }},
		{"partition key", func(t table) string { return t.PartitionKey }},
		{"sorting key", func(t table) string { return t.SortingKey }},
		{"target", func(t table) string { return t.Target }},
		{"query", func(t table) string { return t.Select }},
	} {
		actual := property.of(got)
		if !slices.ContainsFunc(versions, func(t table) bool { return property.of(t) == actual }) {
			found = append(found, fmt.Sprintf("table %s has the %s %q, declared is %q", name, property.what, actual, property.of(versions[0])))
		}
	}
	return append(found, columnDifferences(name, versions, got)...)
}

func columnDifferences(name string, versions []table, got table) []string {
	isDeclared := func(had column, column string) bool {
		return slices.ContainsFunc(versions, func(t table) bool { return t.column(column) == had })
	}
	var found []string
	for _, want := range versions[0].Columns {
		had := got.column(want.Name)
		switch {
		case isDeclared(had, want.Name):
		case had == column{}:
			found = append(found, fmt.Sprintf("table %s lacks column %s", name, want.Name))
		default:
			found = append(found, fmt.Sprintf("table %s has the column %q, declared is %q", name, had, want))
		}
	}
	for _, extra := range got.Columns {
		if (versions[0].column(extra.Name) == column{}) && !isDeclared(extra, extra.Name) {
			found = append(found, fmt.Sprintf("table %s has the column %q, which is not declared", name, extra))
		}
	}
	return found
}

// column returns the column of that name, the zero column if there is none.
func (t table) column(name string) column {
	if i := slices.IndexFunc(t.Columns, func(c column) bool { return c.Name == name }); i >= 0 {
		return t.Columns[i]
	}
	return column{}
}

// String describes a column as in a CREATE TABLE.
func (c column) String() string { return strings.TrimSpace(c.Name + " " + c.Type + " " + c.Default) }
