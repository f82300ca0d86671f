package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Options is what is asked for.
type Options struct {
	Tables []table.Table
	// Settle is how long a difference must stay the same to be one.
	Settle time.Duration
	// Limit is how many keys of each table are described.
	Limit int
	// MaxKeys is how many keys that differ are remembered. At so many a table's
	// comparison stops.
	MaxKeys int
}

// Deps is what Run works over.
type Deps struct {
	PostgresDSN string
	ClickHouse  Querier
	// Progress takes a line every few seconds.
	Progress func(line string)
}

// Run compares the tables one after the other. A table that cannot be compared has
// its reason in the report; the error is that PostgreSQL cannot be reached, or
// that of ctx.
func Run(ctx context.Context, options Options, deps Deps) (Report, error) {
	snapshot, err := connect(ctx, deps.PostgresDSN)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = snapshot.Close(context.WithoutCancel(ctx)) }()
	current, err := connect(ctx, deps.PostgresDSN)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = current.Close(context.WithoutCancel(ctx)) }()
	var report Report
	for _, t := range options.Tables {
		c := comparison{options: options, deps: deps, snapshot: snapshot, current: current}
		found, err := c.run(ctx, t)
		if ctx.Err() != nil {
			return Report{}, fmt.Errorf("comparing %s: %w", t.Source, ctx.Err())
		}
		if err != nil {
			found.Error = err.Error()
		}
		report.Tables = append(report.Tables, found)
	}
	return report, nil
}

// comparison is that of one table.
type comparison struct {
	options Options
	deps    Deps
	// snapshot is read from while current reads single keys.
	snapshot, current *pgx.Conn
}

func (c *comparison) run(ctx context.Context, t table.Table) (found Table, err error) {
	started := time.Now()
	found = Table{Name: t.Source, Target: t.Target, Columns: []string{}, Examples: []Difference{}, Changing: []string{}}
	defer func() { found.Seconds = time.Since(started).Seconds() }()
	plan, err := newPlan(ctx, c.current, c.deps.ClickHouse, t)
	if err != nil {
		return found, err
	}
	for _, column := range plan.columns {
		found.Columns = append(found.Columns, column.name)
	}
	progress := func(format string, args ...any) { c.deps.Progress(t.Source + ": " + fmt.Sprintf(format, args...)) }
	settling := &settling{
		plan: &plan, conn: c.current, from: c.deps.ClickHouse,
		settle: c.options.Settle, limit: c.options.Limit, progress: progress,
	}
	progress("reading; PostgreSQL sorts first")
	scan := &scan{plan: &plan, progress: progress, most: c.options.MaxKeys, onFull: settling.stillDiffering}
	err = scan.run(ctx, c.snapshot, c.deps.ClickHouse)
	found.SourceRows, found.StoredRows = scan.sourceRows, scan.stored
	if errors.Is(err, errTooMany) {
		found.Stopped, err = err.Error(), nil
	}
	if err != nil {
		return found, err
	}
	if len(scan.candidates) > 0 {
		progress("reading %d keys again", len(scan.candidates))
	}
	result, err := settling.run(ctx, scan.candidates)
	if err != nil {
		return found, err
	}
	found.Differences = result.differences
	found.Examples = append(found.Examples, result.examples...)
	found.Changing = append(found.Changing, result.changing...)
	return found, nil
}
