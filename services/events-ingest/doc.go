// Package eventsingest is the service behind the events-ingest binary: it accepts
// client events over HTTP, keeps them in Kafka, and stores each once in
// ClickHouse.
//
// An event that was answered 202 is stored exactly once under FINAL, also when
// the client sends it again within DEDUP_TTL, and whatever is killed meanwhile. A
// record that cannot be stored becomes a dead letter and holds up nobody.
//
// One process is one HTTP server and one member of the group nova-events-ingest;
// any number of them share the work.
//
// While ClickHouse or Redis are away, or the schema is older than this version
// needs, events are accepted and wait in Kafka, and /readyz says so and stays
// 200. While Kafka is away the answer is 503. On SIGTERM the service finishes
// its requests, then the batch in hand, and ends.
package eventsingest
