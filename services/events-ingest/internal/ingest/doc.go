// Package ingest is what events-ingest does with a batch of records: it decodes
// them, claims their events in Redis, and stores those that hold their claim.
//
// Handle returns nil when every record is where it belongs: its row in
// ClickHouse, or a dead letter acknowledged by Kafka, or counted as the copy of
// another record. Only then may offsets be committed. Letters are acknowledged
// before the insert, so that no crash loses a record that the block leaves out.
// Rows are a function of their record: handling it again gives the same row.
//
// A Handler is safe for concurrent use; each call has a block of its own.
//
// An error means that the same records must come again: Redis, Kafka or
// ClickHouse did not do its part. What was claimed stays claimed by the same
// records, so none is lost and a letter that was written is not written again. A
// record that can never be stored becomes a letter and holds up nobody.
package ingest
