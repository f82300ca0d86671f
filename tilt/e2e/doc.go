// Package e2e tests the whole system: the built binaries as processes, on the
// local stack with Apache Kafka, real Debezium, PostgreSQL, Redis and the
// embedded ClickHouse server.
//
// A test starts a stack of its own, in a temporary directory and on ports of its
// own, and leaves no process. It asserts what users see: rows by SQL, answers by
// HTTP, committed offsets by Kafka's protocol, exit codes.
//
// Tests run one after the other: two stacks at once would measure the machine.
//
// When a test fails, the end of each part's log is printed.
package e2e
