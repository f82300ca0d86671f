// Package clustertest runs everything that a fault test needs as processes: Kafka,
// the embedded ClickHouse server and Redis, both behind a proxy, the schema and the
// topics by `jobs migrate`, and replicas of the built services, which are started
// again when they end.
//
// Table post_events keeps every row that it got: it never merges, and rows of one
// block do not replace each other. So a doubled row shows in a count without FINAL.
//
// A Cluster belongs to the goroutine of its test, except where a method says so.
//
// What cannot be started fails the test. The ends of all logs are printed with every
// failed test; no process outlives its test.
package clustertest
