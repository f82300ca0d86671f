package supervisor

import (
	"fmt"
	"strings"
	"time"
)

func (k *keeper) current() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

func (k *keeper) set(state State, pid int, problem string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status.State != state {
		k.status.Since = time.Now()
	}
	k.status.State, k.status.PID, k.status.Problem = state, pid, problem
}

func (k *keeper) setProblem(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Problem = ""
	if err != nil {
		k.status.Problem = firstLine(err)
	}
}

func (k *keeper) countRestart() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Restarts++
}

// markReady records that a start has succeeded, unless the part is being stopped
// again; the first time it also lets the next stage begin.
func (k *keeper) markReady(state State, pid int, began time.Time) {
	if k.isHeld() {
		return
	}
	k.set(state, pid, "")
	k.say("%s after %.1f s", state, time.Since(began).Seconds())
	if !k.wasReady() {
		close(k.ready)
	}
}

func (k *keeper) wasReady() bool {
	select {
	case <-k.ready:
		return true
	default:
		return false
	}
}

func (k *keeper) say(format string, args ...any) {
	k.report(Report{Part: k.part.Name, Text: fmt.Sprintf(format, args...)})
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
