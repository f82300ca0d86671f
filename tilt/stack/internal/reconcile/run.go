package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Run compares until nothing differs, or what differs is final by cfg, and
// returns the last comparison. An error means that there was none: at the end a
// server did not answer, or ctx ended.
func Run(ctx context.Context, cfg Config, deps Deps) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, fmt.Errorf("checking the reconciliation's configuration: %w", err)
	}
	started := time.Now()
	changed, last := started, ""
	for {
		report, err := compare(ctx, deps)
		if ctx.Err() != nil {
			return Report{}, fmt.Errorf("reconciling: %w", ctx.Err())
		}
		if err == nil && report.OK() {
			return report, nil
		}
		now, state := time.Now(), fmt.Sprint(report, err)
		if state != last {
			changed, last = now, state
		}
		if now.Sub(changed) >= cfg.Settle || now.Sub(started) >= cfg.Deadline {
			return report, err
		}
		deps.Progress(waitingFor(report, err))
		if err := pause(ctx, cfg.Interval); err != nil {
			return Report{}, fmt.Errorf("reconciling: %w", err)
		}
	}
}

func waitingFor(report Report, err error) string {
	if err != nil {
		return err.Error()
	}
	return report.behind()
}

// compare reads everything once.
func compare(ctx context.Context, deps Deps) (report Report, err error) {
	conn, err := pgx.Connect(ctx, deps.PostgresDSN)
	if err != nil {
		return Report{}, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, m := range mirrors() {
		table, err := compareTable(ctx, conn, deps.ClickHouse, m)
		if err != nil {
			return Report{}, err
		}
		report.Tables = append(report.Tables, table)
	}
	if report.Events, err = compareEvents(ctx, deps.ClickHouse, deps.Ledger); err != nil {
		return Report{}, err
	}
	return report, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
