// Package chtest runs the embedded ClickHouse server for one test: a process with
// a data directory of its own, free ports on 127.0.0.1, and an empty database nova.
//
// Start fails the test, and never skips it, when the server cannot run; `make deps`
// installs what it needs. The binary is built once per test process. Kill is what a
// crash is (SIGKILL, nothing flushed), Restart continues with the same data and the
// same addresses, Fault plans what is to happen to the next INSERTs. The server ends
// with its test, also when the test process panics or is killed: it watches a pipe
// that only that process holds.
//
// A Server belongs to the goroutine of its test, except Do, Addr, HTTP and Exited,
// which any goroutine may use while no Restart is under way.
//
// What goes wrong fails the test at the line that called; the end of the server's
// log, which is a file, is printed with every failed test.
package chtest
