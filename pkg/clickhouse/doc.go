// Package clickhouse talks to ClickHouse over its native protocol: a pool of
// connections, inserts of whole blocks, statements and queries, and one table
// that says what each of the server's errors means for the caller.
//
// An Insert is one block in one request: it is stored whole, per partition, or
// not at all, and is sent with de-duplication off. An error can leave its
// outcome unknown. Nothing is retried here: the caller knows whether to repeat.
//
// A Pool is safe for concurrent use; each call takes a connection of its own,
// and waits for one when MAX_CONNS are busy.
//
// Every call ends by Config.Timeout, also when the server falls silent in the
// middle of an answer. A connection is closed after any error, since ch-go may
// leave it out of step; the next call connects again, to the next address if the
// last one does not answer. Open does not connect.
package clickhouse
