// Package engine runs ClickHouse inside this process, from the shared library
// libchdb, without cgo.
//
// An Engine owns one data directory; a Session is what a connection is to a
// server: it has a current database, settings and temporary tables. Query
// streams a result in any output format, Insert streams rows in any input
// format; all bytes of one Native block become one block of the engine.
//
// An Engine may be used by many goroutines; a Session runs one statement at a
// time (another one gets ErrBusy), sessions run side by side. A context that
// ends cancels its statement in the engine.
//
// ClickHouse's own errors are *Exception with ClickHouse's codes. What was
// acknowledged survives a kill of the process; what was under way may be there
// or not, per block and partition.
package engine
