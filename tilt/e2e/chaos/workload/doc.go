// Package workload makes traffic of which the outcome is known: unique events and
// their copies, records that nobody can store, and changes of PostgreSQL's tables as
// Debezium writes them.
//
// All of it follows from a seed and a start time. Each round is made whole before
// it is sent, as steps in time; copies of an event come in the same step, soon after,
// on another partition, in a later round, and in the late step, which is for after
// the faults. What must be stored in the end is kept beside it.
//
// A Generator belongs to one goroutine; the rounds that it returned may be sent by
// another.
//
// Nothing here fails: what is made is in memory.
package workload
