package fault

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
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
		return r.place(f)
	case schedule.ClickHouseExit:
		planned.Action, planned.Count = "exit", 1
		c.FailInserts(planned)
		r.until(f, r.always(func() { r.afterExit(f) }))
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

// insertWithin is the time limit of the services' inserts.
const insertWithin = 3 * time.Second

// afterExit ends a fault that may have ended the server, or still may: at the end of
// an insert that has begun.
func (r *Runner) afterExit(f schedule.Fault) {
	if !r.isClickHouseDown() {
		r.cluster.ClickHouse.ClearFaults()
		select {
		case <-r.cluster.ClickHouse.Exited():
		case <-time.After(insertWithin):
			return
		}
	}
	r.struck(f)
	r.cluster.RestartClickHouse()
}

// place kills the server as one of its threads enters its nth rename. A thread that
// stores a block renames the parts of the table, then those of the views; a token is
// written before the part is renamed.
func (r *Runner) place(f schedule.Fault) error {
	pid, err := r.cluster.ClickHousePID()
	if err != nil {
		return err
	}
	tracer, err := process.Start(process.Spec{
		Name: "strace", Path: "/usr/bin/env", Dir: "/", Log: "/dev/null", Env: r.cluster.Environment(),
		Args: []string{
			"strace", "-f", "-p", strconv.Itoa(pid), "-o", "/dev/null", "-e", "signal=none", "-e", "trace=rename",
			"-e", fmt.Sprintf("inject=rename:signal=KILL:when=%d", f.N),
		},
	})
	if err != nil {
		return err
	}
	r.until(f, r.always(func() {
		// It lets go of a server that lives, and has ended with one that does not.
		_ = tracer.Stop(statementTimeout)
		r.afterExit(f)
	}))
	return nil
}
