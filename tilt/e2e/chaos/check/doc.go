// Package check compares what the system has stored with what it was sent.
//
// A Journal reads what is on the topics: the copies of each event with their places,
// the records that nobody can store, and the letters. An Auditor waits until the
// groups have committed all of it, and then finds every record that is lost, doubled
// or wrong: in the base tables without FINAL, in the sums of the views, in the tables
// of changes row by row, among the letters byte for byte.
//
// Both belong to one goroutine.
//
// A Violation is the system's fault; an error is that something could not be asked,
// or that the workload did not arrive on the topics.
package check
