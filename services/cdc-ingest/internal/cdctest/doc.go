// Package cdctest has change events for tests: captures of the real connector
// (Debezium 3.6.3 on PostgreSQL 15 with the schema and the settings of tilt/),
// and events made by hand in the same form.
//
// A capture holds all that happened to one table, in the order of its topic: an
// initial snapshot, inserts, updates, changes of keys, deletes with their
// tombstones, a truncate, and an incremental snapshot.
//
// Everything here is safe for concurrent use; nothing is kept.
//
// What cannot be read fails the test.
package cdctest
