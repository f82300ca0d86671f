// Package redistest runs a real redis-server for one test: a process with a
// directory of its own and a free port on 127.0.0.1, persisting every write
// (AOF with appendfsync always).
//
// Start fails the test, and never skips it, when redis-server is missing; `make
// deps` installs it. Kill is what a crash is (SIGKILL); Restart continues with
// the same data and the same address. The server ends with its test; on Linux
// also when the test process is killed.
//
// A Server belongs to the goroutine of its test, except Addr and Do, which any
// goroutine may use.
//
// What goes wrong fails the test at the line that called; the server's log is
// printed with every failed test.
package redistest
