package supervisor

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// ErrBroken is wrapped by a probe that finds a part which runs but will not
// recover by itself; the part is then started again.
var ErrBroken = errors.New("broken")

// Part is one thing that has to be there. Everything but the name and one of
// Command and Ready may be left out.
type Part struct {
	Name string
	// Address is where the part is reached, for people.
	Address string
	// Command is the process to run. Without one the part is a server that
	// someone else runs: it is only awaited.
	Command *Command
	// Once says that the command is a task: it is ready when it has ended well.
	Once bool
	// Prepare runs before the first start.
	Prepare func(context.Context) error
	// Ready returns nil when the part does its work. It is called several times
	// a second until then, and every few seconds afterwards.
	Ready func(context.Context) error
	// Settle runs when the part is ready for the first time, before the next
	// stage.
	Settle func(context.Context) error
	// Patience bounds how long one start may take until the part is ready.
	Patience time.Duration
}

// Command is the process of a part. It has no standard input, and its output is
// appended to the part's log.
type Command struct {
	Path string
	Args []string
	// Env is added to the supervisor's own environment.
	Env []string
	Dir string
	// Credential is whom the process runs as; nil means the caller.
	Credential *syscall.Credential
	// Stop is the signal that asks for an orderly end; zero means SIGTERM.
	Stop syscall.Signal
	// Orphaned is what the process gets when the supervisor is killed; zero
	// means SIGKILL.
	Orphaned syscall.Signal
}

// State is what a part is doing.
type State string

// The states of a part. Done is a task that has ended well; Stopped is a part that
// ended with the stack, or that StopPart has stopped.
const (
	Waiting    State = "waiting"
	Starting   State = "starting"
	Ready      State = "ready"
	Done       State = "done"
	Restarting State = "restarting"
	Stopping   State = "stopping"
	Stopped    State = "stopped"
	Failed     State = "failed"
)

// Status is one line of the table of parts.
type Status struct {
	Part    string `json:"part"`
	State   State  `json:"state"`
	PID     int    `json:"pid,omitempty"`
	Address string `json:"address,omitempty"`
	// Restarts counts starts after the first, other than those by StartPart.
	Restarts int       `json:"restarts"`
	Since    time.Time `json:"since"`
	// Problem is why the part is not ready, or does not answer although it was.
	Problem string `json:"problem,omitempty"`
}

// Report is something worth telling the person who watches. Text may have
// several lines.
type Report struct {
	Part string
	Text string
}
