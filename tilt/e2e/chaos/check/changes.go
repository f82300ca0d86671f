package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// changes compares the tables of changes, and the views over follows, with the rows
// of the source, cell by cell.
func (a *Auditor) changes(ctx context.Context) ([]Violation, error) {
	var found []Violation
	for _, table := range workload.Tables() {
		want := a.deps.Truth.Rows(table)
		violations, err := a.compareRows(ctx, table.Target, table.Query(), want)
		if err != nil {
			return nil, err
		}
		found = append(found, violations...)
		if table.Source != "follows" {
			continue
		}
		for _, view := range workload.Views() {
			violations, err := a.compareRows(ctx, view, workload.ViewQuery(view), want)
			if err != nil {
				return nil, err
			}
			found = append(found, violations...)
		}
	}
	return found, nil
}

func (a *Auditor) compareRows(ctx context.Context, table, sql string, want map[string][]*string) ([]Violation, error) {
	var found []Violation
	seen := map[string]bool{}
	err := rows(ctx, a, sql, func(row []*string) error {
		id := text(row[0])
		cells, isThere := want[id]
		switch {
		case seen[id]:
			found = append(found, Violation{table, Doubled, "row " + id})
		case !isThere:
			found = append(found, Violation{table, Wrong, fmt.Sprintf("row %s is not in the source: %s", id, texts(row))})
		case !slices.EqualFunc(row, cells, func(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }):
			found = append(found, Violation{table, Wrong, fmt.Sprintf("row %s, want %s", texts(row), texts(cells))})
		}
		seen[id] = true
		return nil
	})
	for id := range want {
		if !seen[id] {
			found = append(found, Violation{table, Lost, "row " + id})
		}
	}
	return found, err
}

func text(cell *string) string {
	if cell == nil {
		return "NULL"
	}
	return *cell
}

func texts(cells []*string) []string {
	all := make([]string, 0, len(cells))
	for _, cell := range cells {
		all = append(all, text(cell))
	}
	return all
}
