// Package supervisor starts the parts of the local stack in stages, keeps them
// running and stops them in order.
//
// A stage starts when every part of the one before it is ready, which its own
// probe says. A part that dies is reported with the end of its log and started
// again after a growing pause; one that was never ready is given up on after a
// few attempts, and the start fails. Run returns only when no process of any
// part is left, and a supervisor that is itself killed takes its parts with it:
// the kernel sends each of them a signal.
//
// StopPart ends one part, as an outage to try, until StartPart.
//
// Run is called once. Status, StopPart and StartPart may be called at any time, by
// anyone; the functions of a Part are called by one goroutine of that part, Report
// by several.
//
// A part that ignores its stop signal is killed with its process group when its
// time is over.
package supervisor
