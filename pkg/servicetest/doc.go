// Package servicetest runs a service for the wire tests of its package, and has
// what those tests wait with.
//
// Main makes the test binary behave as the service when it is started by Start or
// Command, so that a test can kill a service as a crash does, and end it by a
// signal as an orchestrator does. The process reads its configuration from the
// environment of the test, as it is at its start.
//
// A Process, and every function that takes a testing.TB, belongs to the goroutine of
// its test; a Log may be used by any.
//
// What goes wrong fails the test at the line that called; waits give up after
// kafkatest.Patience. A process ends with its test, and its log is printed with
// every failed test.
package servicetest
