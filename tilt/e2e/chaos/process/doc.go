// Package process runs the programs that faults are done to: a Process ends as a
// crash ends it, stands still and goes on, and a Replica is started again whenever
// its process has ended unasked.
//
// A process ends with the one that started it, also when that is killed. Its output
// is appended to a file.
//
// A Process and a Replica may be used by any goroutine.
//
// What cannot be started is an error. An end that nobody asked for is remembered,
// with how it came about, for a test to judge.
package process
