// Package store asks ClickHouse what cdc-ingest has to know of stored rows, and
// repeats TRUNCATE there.
//
// Earlier finds the rows that changes take values from. Truncate records the
// newest truncate of a table, its mark, and writes a tombstone for every row of a
// lower version; Newest reads the mark. Whoever stores rows reads it afterwards and
// writes the tombstones of its own rows if they are older: then each row is swept by
// the truncate or by its writer, whatever the order in which they run, and a row
// that is newer never is. All of it may be repeated.
//
// Every answer is that of a replica which has all rows. A Store may be used by any
// number of goroutines. Errors are those of package clickhouse, and of its breaker:
// the caller tries again.
package store
