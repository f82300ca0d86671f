package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/nova-data/nova/tilt/e2e/chaos/proxy"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

// begin does a fault, and plans its end.
func (r *Runner) begin(ctx context.Context, f schedule.Fault) error {
	c := r.cluster
	switch f.Kind {
	case schedule.Kill, schedule.Point, schedule.Zombie, schedule.Join:
		return r.onService(ctx, f)
	case schedule.Kafka:
		c.Kafka.Stop()
		r.until(f, r.always(c.Kafka.Start))
	case schedule.RedisKill:
		c.Redis.Kill()
		r.until(f, r.always(c.Redis.Restart))
	case schedule.RedisAway:
		r.setMode(f, c.RedisProxy, proxy.Refuse)
	case schedule.RedisHang:
		r.setMode(f, c.RedisProxy, proxy.Hang)
	case schedule.ClickHouseAway:
		r.setMode(f, c.ClickHouseProxy, proxy.Refuse)
	case schedule.ClickHouseHang:
		r.setMode(f, c.ClickHouseProxy, proxy.Hang)
	case schedule.ClickHouseSlow:
		r.setMode(f, c.ClickHouseProxy, proxy.Slow)
	case schedule.ClickHouseReset:
		r.reset(f)
		return nil
	case schedule.Constraint:
		return r.constrain(ctx, f)
	case schedule.View:
		return r.addView(ctx, f)
	default:
		return r.onClickHouse(f) //nolint:contextcheck // chtest has the test's own
	}
	r.struck(f)
	return nil
}

func (r *Runner) always(do func()) func(context.Context) error {
	return func(context.Context) error {
		do()
		return nil
	}
}

func (r *Runner) setMode(f schedule.Fault, p *proxy.Proxy, mode proxy.Mode) {
	p.SetMode(mode)
	r.until(f, r.always(func() { p.SetMode(proxy.Pass) }))
}

func (r *Runner) reset(f schedule.Fault) {
	p := r.cluster.ClickHouseProxy
	before, way := p.Resets(), proxy.ToServer
	if f.After {
		way = proxy.ToClient
	}
	p.ResetAfter(way, f.Bytes, f.N)
	r.until(f, r.always(func() {
		p.ResetAfter(way, 0, 0)
		if p.Resets() > before {
			r.struck(f)
		}
	}))
}

func (r *Runner) onService(ctx context.Context, f schedule.Fault) error {
	if f.Kind == schedule.Join {
		added := r.cluster.Add(f.Service) //nolint:contextcheck // it ends with the test
		r.struck(f)
		r.until(f, r.always(func() { //nolint:contextcheck // it ends with the test
			if err := r.cluster.Remove(added); err != nil {
				r.problems = append(r.problems, err.Error())
			}
		}))
		return nil
	}
	target := r.cluster.Replicas(f.Service)[f.Replica]
	running := target.Process()
	switch f.Kind {
	case schedule.Kill:
		running.Kill()
		r.struck(f)
	case schedule.Zombie:
		if err := running.Pause(); err != nil {
			return err
		}
		r.struck(f)
		r.until(f, func(context.Context) error { return running.Resume() })
	default:
		kills := target.Kills()
		if err := target.Arm(ctx, f.Point, f.N); err != nil {
			r.log("%v", err)
			return nil // it is just starting, say
		}
		r.atEnd = append(r.atEnd, action{name: "end of " + f.String(), do: func(ctx context.Context) error {
			if target.Kills() > kills {
				r.struck(f)
				return nil
			}
			return target.Arm(ctx, f.Point, 0)
		}})
	}
	return nil
}

// The constraint and the view know events by their devices.
const (
	constraint = "chaos_refuses"
	view       = "chaos_throws"
	viewTarget = "chaos_throws_target"
)

func (r *Runner) constrain(ctx context.Context, f schedule.Fault) error {
	if err := r.exec(ctx, "ALTER TABLE post_events ADD CONSTRAINT "+constraint+" CHECK device != 'forbidden'"); err != nil {
		return err
	}
	r.struck(f)
	r.atEnd = append(r.atEnd, action{name: "end of " + f.String(), do: func(ctx context.Context) error {
		return r.exec(ctx, "ALTER TABLE post_events DROP CONSTRAINT IF EXISTS "+constraint)
	}})
	return nil
}

func (r *Runner) addView(ctx context.Context, f schedule.Fault) error {
	for _, sql := range []string{
		"CREATE TABLE IF NOT EXISTS " + viewTarget + " (v UInt8) ENGINE = MergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 100000",
		"CREATE MATERIALIZED VIEW IF NOT EXISTS " + view + " TO " + viewTarget + " AS SELECT throwIf(device = 'throws', 'a view of the test throws') AS v FROM post_events",
	} {
		if err := r.exec(ctx, sql); err != nil {
			return err
		}
	}
	r.struck(f)
	r.until(f, func(ctx context.Context) error { return r.exec(ctx, "DROP VIEW IF EXISTS "+view+" SYNC") })
	return nil
}

// statementTimeout is short: a statement may have to wait for an insert of a service
// that stands still, and goes on when that does.
const statementTimeout = 2 * time.Second

// exec runs a statement, not through the proxy.
func (r *Runner) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	if _, err := r.cluster.ClickHouse.Do(ctx, sql, nil); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
