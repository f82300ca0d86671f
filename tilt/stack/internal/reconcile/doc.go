// Package reconcile compares what PostgreSQL holds and what the events API has
// accepted with what is in ClickHouse.
//
// Each table is read whole from both sides in the order of its keys and
// compared value by value in every column that both sides have, ClickHouse
// under FINAL; event ids are compared with the traffic's ledger. A row that is
// missing, superfluous, doubled or different is a difference. Only rows whose
// fate the ledger does not know may be stored or not.
//
// Run is one goroutine and holds one row of each side in memory, not a table.
//
// While the pipeline is still catching up there are differences, so Run looks
// again until there is none, or nothing has changed for a while, or the time is
// up; an unreachable server is waited for in the same way, and is an error only
// at the end.
package reconcile
