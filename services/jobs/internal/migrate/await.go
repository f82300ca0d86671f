package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
)

const (
	retryInterval = 500 * time.Millisecond
	// attemptTimeout bounds one attempt, so that a server which accepts and says
	// nothing does not take all the time there is.
	attemptTimeout = 10 * time.Second
	// saidAgainAfter bounds how often an unchanged reason is logged.
	saidAgainAfter = 10 * time.Second
)

// await returns when both dependencies answer, and sees to the database.
func (m migration) await(ctx context.Context, pool *clickhouse.Pool, cluster *broker.Cluster) error {
	where := strings.Join(m.cfg.ClickHouse.Addr, ",")
	if err := m.retry(ctx, "ClickHouse at "+where, func(ctx context.Context) error { return m.reachDatabase(ctx, pool) }); err != nil {
		return err
	}
	return m.retry(ctx, "Kafka at "+strings.Join(cluster.Addresses(), ","), cluster.Ping)
}

// reachDatabase creates the database when it is missing and applying is asked
// for. Where waiting does not help, its error is final.
func (m migration) reachDatabase(ctx context.Context, pool *clickhouse.Pool) error {
	err := pool.Ping(ctx)
	if schema.IsMissingDatabase(err) {
		if m.deps.Command != Apply {
			return final{fmt.Errorf("database %s does not exist: jobs migrate apply makes it", pool.Database())}
		}
		err = schema.CreateDatabase(ctx, m.cfg.Schema, m.cfg.ClickHouse, clickhouse.Deps{Log: m.deps.Log, Meter: m.deps.Meter})
	}
	if err == nil {
		return nil
	}
	switch clickhouse.ClassOf(err) {
	case clickhouse.Transient, clickhouse.Overload:
		return err
	default:
		return final{err}
	}
}

// final is an error that another attempt does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// retry calls try until it succeeds, fails for good, or the timeout is over.
func (m migration) retry(ctx context.Context, what string, try func(context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	var saidAt time.Time
	var reason error
	for {
		err := m.attempt(waiting, try)
		if reason == nil || !errors.Is(err, context.DeadlineExceeded) {
			reason = err
		}
		var hopeless final
		switch {
		case err == nil:
			return nil
		case errors.As(err, &hopeless):
			return fmt.Errorf("reaching %s: %w", what, err)
		case ctx.Err() != nil:
			return fmt.Errorf("reaching %s: %w", what, ctx.Err())
		case waiting.Err() != nil:
			return fmt.Errorf("reaching %s: no answer within %s: %w", what, m.cfg.Timeout, reason)
		case time.Since(saidAt) > saidAgainAfter:
			m.deps.Log.Warn("waiting", "for", what, "reason", err.Error())
			saidAt = time.Now()
		}
		select {
		case <-waiting.Done():
		case <-ticker.C:
		}
	}
}

func (m migration) attempt(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return try(ctx)
}
