// Package chserver is a ClickHouse server for development and tests: the
// embedded engine behind the native TCP protocol and HTTP.
//
// Data live in one directory and survive a kill of the process, insert tokens
// included: what a kill leaves inconsistent is repaired before the engine
// opens them. Faults can be planned for the next INSERTs when that is asked for.
//
// Run serves until its context ends. Each connection has a session of its own,
// and they run side by side.
//
// A port that is taken, a directory in use or a missing library end Run before
// it is ready. At the end of its context it cancels what runs, closes the
// listeners and then the engine.
package chserver
