// Package pidfile remembers processes across the life of the one that started
// them, and finds them again without ever taking a stranger for one of them.
//
// A file holds a process id together with the time that process started, as the
// kernel counts it. Ids are given out again; the pair is not. Signals go through
// a handle that is opened before the pair is checked, so that nothing can slip
// in between.
//
// Everything is safe for concurrent use.
//
// A file that is missing, torn or names a process that has ended is a process
// that is not alive, never an error.
package pidfile
