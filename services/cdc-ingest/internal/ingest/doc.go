// Package ingest is what cdc-ingest does with a batch of records: it decodes
// them, fills one block for their table and inserts it.
//
// Handle returns nil when every record is where it belongs: its rows in
// ClickHouse, or a dead letter acknowledged by Kafka, or counted because it
// carries nothing to store. Only then may offsets be committed. Blocks are
// inserted without a token and with de-duplication off, since rows replace each
// other by version: handling the same records again, whole or in part, in any
// order, changes nothing.
//
// A Handler is safe for concurrent use; each call has a block of its own.
//
// An error means that the same records must come again: ClickHouse or Kafka did
// not take them, or a topic prefix has no epoch yet. A record that cannot be
// stored whatever is tried becomes a letter and holds up nobody.
package ingest
