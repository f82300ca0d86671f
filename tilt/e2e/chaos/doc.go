// Package chaos is the fault harness: it runs the built services, two replicas of
// each, against real servers and a workload of which the outcome is known, does to
// them what a seed says, and requires after each round that nothing is lost, nothing
// doubled, and every refused record a letter.
//
// Its parts: workload makes the traffic, schedule draws the faults, clustertest runs
// the processes, proxy stands before ClickHouse and Redis, fault carries a schedule
// out, check compares. `make chaos` runs it; see TestChaos for the variables.
//
// Tests run one after the other: two clusters at once would measure the machine.
//
// A failure prints the seed, the schedule of the round and what differs. The same
// seed gives the same schedule.
package chaos
