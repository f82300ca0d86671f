// Package verify compares PostgreSQL's tables with ClickHouse's, row by row and
// column by column, while both are written to.
//
// A table is read once from each side in the order of its key, by the mapping of
// package table, and values are compared as both servers render them in the
// precision and range of ClickHouse's column. A key that differs is then read
// again on both sides until the sides agree, ClickHouse has a state that PostgreSQL
// has had since, or both show the same difference for the whole settle time. Only
// the last is a difference: what is on its way is none. A key that changes to the
// end is named and counted apart.
//
// The order is ClickHouse's own, that of its sorting key, which for UUIDs begins
// with their second half. There it costs nothing: the engine merges parts that are
// sorted so, a page at a time. PostgreSQL has no index in that order and sorts once,
// on disk beyond 64 MB of work_mem. The other way round ClickHouse would have to
// sort in memory, or be scanned whole for each range of PostgreSQL's order. Either
// server holds a bounded part of a table in memory, and so does the caller: a page,
// and the keys that differ, 100 000 at the most; beyond that a table's comparison
// stops and says so.
//
// PostgreSQL's side is one snapshot, held while the table is read: it keeps vacuum
// from removing rows that are deleted meanwhile. A replica may be asked instead.
//
// Run belongs to one goroutine. It writes nothing on either side.
//
// A server that does not answer, a table or column that is missing, and a type
// that cannot be compared are errors; the other tables are compared all the same.
package verify
