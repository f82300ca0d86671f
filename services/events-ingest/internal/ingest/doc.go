// Package ingest is what events-ingest does with a batch of records: it decodes
// them, claims their events in Redis, and makes rows of those that hold their
// claim. Package sink stores these, and buries what can never be stored.
//
// A record ends as its row in ClickHouse, or as a dead letter acknowledged by
// Kafka, or counted as the copy of another record. Rows are a function of their
// record and of who holds its event, which is decided once: a batch that is
// prepared again, here or by another member, has the same rows.
//
// A Sink is safe for concurrent use by lanes; each batch has a block of its own.
//
// An error means that the same records must come again: Redis did not do its
// part. What was claimed stays claimed by the same records.
package ingest
