package schema

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
)

const (
	waitInterval = time.Second
	// saidAgainAfter bounds how often a wait that goes on repeats itself.
	saidAgainAfter = 30 * time.Second
)

// Wait returns when the database has at least version, and says in the log what
// it waits for, also when ClickHouse does not answer. Its only error is that of
// ctx.
func Wait(ctx context.Context, pool *clickhouse.Pool, version int, log *slog.Logger) error {
	ticker := time.NewTicker(waitInterval)
	defer ticker.Stop()
	var said string
	var saidAt time.Time
	for {
		reason := missing(ctx, pool, version)
		if reason == "" {
			return nil
		}
		if reason != said || time.Since(saidAt) > saidAgainAfter {
			log.Warn("waiting for the ClickHouse schema, run jobs migrate", "version", version, "reason", reason)
			said, saidAt = reason, time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for version %d of the ClickHouse schema: %w", version, ctx.Err())
		case <-ticker.C:
		}
	}
}

// missing says why the version is not there; empty if it is.
func missing(ctx context.Context, pool *clickhouse.Pool, version int) string {
	applied, err := readApplied(ctx, pool)
	if err != nil {
		return err.Error()
	}
	if has := versionOf(applied); has < version {
		return fmt.Sprintf("the database has version %d", has)
	}
	return ""
}
