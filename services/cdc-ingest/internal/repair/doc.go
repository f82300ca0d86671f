// Package repair is what an operator does when ClickHouse's tables are not what they
// should be: epoch ends the repair by a new topic prefix, resync fills gaps from
// PostgreSQL, rewind reads topics again.
//
// Each may be repeated, and stopped at any time, without harm: rows have versions, so
// one that is stored again changes nothing, and a command that was stopped is begun
// again. Before anything is changed, what would lose rows is refused: the end of an
// epoch whose snapshot is not stored, a gap that is not one because of a TRUNCATE,
// offsets of a group that is at work, offsets further on than those committed.
//
// A command belongs to one goroutine. Progress is one line each time something has
// moved.
package repair
