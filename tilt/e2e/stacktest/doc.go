// Package stacktest runs the local stack for whole-system tests: PostgreSQL,
// Debezium, Apache Kafka, ClickHouse and Redis as a user starts them.
//
// Each Stack has a directory and ports of its own, and is stopped and removed at
// the end of its test, which prints the end of each log when it has failed. One
// stack runs at a time, whatever packages are tested at once: two would measure
// the machine.
//
// A Stack belongs to the goroutine of its test. A part that does not do in time
// what it is to do fails the test.
package stacktest
