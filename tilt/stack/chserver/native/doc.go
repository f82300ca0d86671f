// Package native speaks ClickHouse's native TCP protocol in front of the
// embedded engine: hello with addendum, ping, queries with settings and
// parameters, inserted blocks, LZ4 and ZSTD, progress and profile, exceptions
// with ClickHouse's codes, cancel.
//
// A block of a client becomes one block of the engine, so that insert tokens
// hold as they do on a server. After an exception a connection goes on as
// ClickHouse's does: blocks that are still under way are passed over.
//
// A Server serves any number of connections, each with a session of its own
// and one query at a time.
//
// Not served, and refused by name: temporary tables sent with a query, columns
// of JSON, Dynamic, Variant and AggregateFunction. Query ids are the engine's
// own, and totals and extremes are left out of results.
//
// What is no valid packet ends its connection, with an exception where the
// client can still understand one; it never ends the server.
package native
