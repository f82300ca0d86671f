// Package cli is the command line of the local stack: deps, up, down, status,
// run, stop and start of one part, env and clean.
//
// A stack is one process that supervises its parts: the one in the foreground
// for run, one of its own session for up, which only starts it and follows its
// progress. At most one holds the lock of a RUN_DIR. However that process ends,
// its parts end with it.
//
// Every command may be run at any time, from several terminals.
//
// Errors are for people: they say what is wrong and what to do, and the process
// exits with status 1, or 2 when the command line makes no sense.
package cli
