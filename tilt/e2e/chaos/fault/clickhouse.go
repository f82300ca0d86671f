package fault

import (
	"fmt"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

// forever is more inserts than a round has.
const forever = 1_000_000

// onClickHouse does what only the server itself can do.
func (r *Runner) onClickHouse(f schedule.Fault) error {
	c := r.cluster
	planned := clustertest.InsertFault{Table: f.Table, After: f.After, Count: f.N, Code: f.Code}
	switch f.Kind {
	case schedule.ClickHouseKill:
		c.ClickHouse.Kill()
		r.struck(f)
		r.until(f, r.always(func() { c.RestartClickHouse() }))
		return nil
	case schedule.ClickHousePlaced:
		c.RestartClickHouse(strace(f.N)...)
		r.untilRestart(f, true)
		return nil
	case schedule.ClickHouseExit:
		planned.Action, planned.Count = "exit", 1
		c.FailInserts(planned)
		r.untilRestart(f, false)
		return nil
	case schedule.ClickHouseCut:
		planned.Action = "cut"
	case schedule.ClickHouseRefuse:
		planned.Action, planned.Count = "exception", forever
	default:
		return fmt.Errorf("nobody knows how to do %s", f)
	}
	c.FailInserts(planned)
	r.struck(f)
	r.until(f, r.always(c.ClickHouse.ClearFaults))
	return nil
}

// untilRestart ends a fault that may have ended the server.
func (r *Runner) untilRestart(f schedule.Fault, isWrapped bool) {
	r.until(f, r.always(func() {
		isDown := r.isClickHouseDown()
		if isDown {
			r.struck(f)
		} else {
			r.cluster.ClickHouse.ClearFaults()
		}
		if isDown || isWrapped {
			r.cluster.RestartClickHouse()
		}
	}))
}

// strace is the command line that kills its program as one of its threads enters its
// nth rename. A thread that stores a block renames the parts of the table, then those
// of the views; a token is written before the part is renamed.
func strace(nth int) []string {
	return []string{
		"strace", "-f", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=rename",
		"-e", fmt.Sprintf("inject=rename:signal=KILL:when=%d", nth),
	}
}
