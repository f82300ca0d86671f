// Package kafkatest runs a Kafka cluster inside a test process and shows what
// is on it: records, committed offsets, group members.
//
// The cluster speaks Kafka's protocol on real sockets of the loopback
// interface: groups, transactions, compaction and fenced commits behave as on a
// broker. It keeps its data over Restart.
//
// A Cluster is safe for concurrent use, except that Restart and the faults must
// not race each other. Helpers that cannot do what they were asked fail the
// test; those that wait give up after Patience.
//
// Everything ends with the test: connections are cut, goroutines are gone and
// the data directory is removed. Faults are answered by the cluster itself, so a
// client under test cannot tell them from a broker's.
package kafkatest
