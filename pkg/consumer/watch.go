package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// watch is how long one part of a lane has been at a call of the service's: a
// heartbeat says that the process lives, not that its work goes on.
type watch struct {
	part string

	mu    sync.Mutex
	call  string
	since time.Time
}

// protect makes a call, under watch, and turns a panic of it into an error.
func (w *watch) protect(call string, do func() error) (err error) {
	w.begin(call)
	defer w.begin("")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v\n%s", call, p, debug.Stack())
		}
	}()
	return do()
}

func (w *watch) begin(call string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call, w.since = call, time.Now()
}

// busy returns the call at hand and how long it has taken.
func (w *watch) busy(now time.Time) (call string, taken time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call == "" {
		return "", 0
	}
	return w.call, now.Sub(w.since)
}

// watchdog shows calls that do not return.
type watchdog struct {
	watches []*watch
	after   time.Duration
	log     *slog.Logger
	health  Health
}

// watchdogChecks is how often a watchdog looks, within its time.
const watchdogChecks = 10

// run looks until ctx ends.
func (d *watchdog) run(ctx context.Context) {
	stuck := map[*watch]bool{}
	for sleep(ctx, d.after/watchdogChecks) {
		for _, w := range d.watches {
			d.look(w, stuck)
		}
	}
	for w := range stuck {
		d.health.Healthy(w.part + " watchdog")
	}
}

func (d *watchdog) look(w *watch, stuck map[*watch]bool) {
	call, taken := w.busy(time.Now())
	part := w.part + " watchdog"
	if taken < d.after {
		if stuck[w] {
			delete(stuck, w)
			d.health.Healthy(part)
			d.log.Info("no longer stuck", "part", w.part)
		}
		return
	}
	d.health.Degraded(part, fmt.Sprintf("%s has not returned for %s", call, taken.Round(time.Second)))
	if !stuck[w] {
		stuck[w] = true
		d.log.Error("stuck", "part", w.part, "call", call, "taken", taken.Round(time.Second))
	}
}
