// Package clickhouse talks to ClickHouse over its native protocol: a pool of
// connections, statements and queries, a writer that stores blocks exactly once,
// and one table that says what each of the server's errors means for the caller.
//
// An Insert is one block in one request: it is stored whole, per partition, or not
// at all. Without a token it is stored whenever it is sent. With one, the table and
// each of its views take it once, whatever is sent again, for as long as they
// remember the token; CheckWindows refuses tables that forget too soon.
//
// A Writer also holds where a token is not enough. A plan that is older than
// WriterConfig.MaxAge may be forgotten; and a plain MergeTree, whose server was
// killed since the plan was made, may know the token of a part that it has lost. It
// then asks the table for the block's rows by their keys, when no attempt can be in
// flight any more, and sends what is missing. That is exact for the table. Views can
// come out wrong in three cases: rows stored again because the part was lost count
// twice in views that had them, which is logged with the token; a view's own part
// that was lost stays lost; and a view that fails for longer than MaxAge misses the
// batches that its table took meanwhile. Replicated tables leave the third. Rows that
// somebody deletes, or a TTL drops, before their batch is committed look lost and
// are stored again. Members' clocks may differ by ten seconds.
//
// Nothing is retried here but the failover of a new connection: the caller knows
// whether to repeat. Refused tells which rows of a block the table does not take.
//
// A Pool and a Writer are safe for concurrent use; each call takes a connection of
// its own, and waits for one when MAX_CONNS are busy. A Storing belongs to one
// goroutine at a time.
//
// Every statement ends by Config.Timeout, also when the server falls silent in the
// middle of an answer. A connection is closed after any error, since ch-go may
// leave it out of step, and after temporary tables; the next call connects again, to
// the next address if the last one does not take the connection, TLS or the login.
// Open and NewWriter do not connect.
//
// Beside INSERT and SELECT on its tables a writer's user needs SELECT on
// system.tables, system.merge_tree_settings and
// system.replicated_merge_tree_settings, CREATE ARBITRARY TEMPORARY TABLE, and for
// Replicated tables SYSTEM SYNC REPLICA.
package clickhouse
