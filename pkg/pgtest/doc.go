// Package pgtest runs a real PostgreSQL server for one test.
//
// Start initialises a cluster in a directory of its own, with logical decoding
// on, starts it on a free loopback port and creates the database nova in it.
// Kill ends it the way a crash does, Restart brings the same data back on the
// same port; everything is gone when the test ends.
//
// A Server may be used by several goroutines, except Kill and Restart, which
// belong to the goroutine of the test.
//
// PostgreSQL refuses to run as root: for that caller the server runs as the
// user postgres, or nobody where that does not exist. Whatever keeps the server
// from starting fails the test and prints the end of the server's log; a
// missing installation fails too, it never skips.
package pgtest
