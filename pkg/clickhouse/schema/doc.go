// Package schema holds Nova's ClickHouse schema as numbered SQL files and brings
// a database to it. Beside each file lies what it makes, as ClickHouse describes
// it: tables, engines, keys and columns.
//
// Apply runs the files that the database lacks, in order, and records each one
// in schema_migrations only once the database matches what the file declares. An
// applied file never changes, and a table that was altered by hand is not touched:
// both are drift, which Plan lists and Apply refuses. Retention is the operator's
// and never drift, nor is what a file makes that is yet to be recorded.
//
// Any number of Apply calls may run at once, in any processes. What protects them
// is that every statement may be repeated (IF NOT EXISTS and the like, held by a
// test) and that the record of a file is one row however often it is written.
//
// A file that fails half way is not recorded; the next Apply runs it again from
// its start and passes over what exists. Services never apply: they Wait.
package schema
