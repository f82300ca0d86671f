// Package store asks ClickHouse for the jobs and for readers, through one
// breaker: whoever finds that it does not answer spares the others the wait.
//
// Every query has a time limit and a memory limit, here and on the server.
//
// A Store is safe for concurrent use.
//
// Only what speaks against the server counts as its failure: a connection, a
// time-out, an overload. Run pings it all the time, so that it is known within
// seconds that it is away, or back, also when nobody asks anything. A query that
// such a failure has met is tried again within its time limit, unless a part of
// its result is already out.
package store
