package protocol

import "fmt"

// Reason is why a lane halts. Nothing but an operator gets it going again.
type Reason string

// The reasons.
const (
	// PlanMismatch: the committed offset and the plan beside it contradict each
	// other, or the records are not those that were planned.
	PlanMismatch Reason = "plan_mismatch"
	// PlanUnreadable: records of a plan have left the log.
	PlanUnreadable Reason = "plan_unreadable"
	// CommitTorn: a broker took a part of a commit request.
	CommitTorn Reason = "commit_torn"
)

// HaltError is why a lane cannot go on.
type HaltError struct {
	Reason Reason
	// Partitions are those of which an operator has to clear the plan, by committing
	// an offset without one: the same offset or, if IsAnew says that the topic has
	// been made anew, its first.
	Partitions []int
	IsAnew     bool
	Detail     string
}

// Error implements error.
func (e *HaltError) Error() string {
	return fmt.Sprintf("%s: partitions %v: %s", e.Reason, e.Partitions, e.Detail)
}

func halt(reason Reason, partitions []int, format string, values ...any) *HaltError {
	return &HaltError{Reason: reason, Partitions: partitions, Detail: fmt.Sprintf(format, values...)}
}
