// Package ingest is what cdc-ingest does with a batch of records: it decodes them
// and fills one block for their table. Package sink stores the block, and buries
// what can never be stored.
//
// What a batch does beside its rows comes after them and before the commit: the
// tombstones of a TRUNCATE, those of its own rows that are older than one, and the
// events that CDC_POST_EVENTS asks for.
//
// A record ends as its rows in ClickHouse, or as a dead letter acknowledged by
// Kafka, or counted because it carries nothing to store or comes
// too late to matter. Only then are offsets
// committed. Blocks are inserted without a token and with de-duplication off, since
// rows replace each other by version: handling the same records again, whole or in
// part, in any order, changes nothing.
//
// A Sink is safe for concurrent use by lanes; each batch has a block of its own.
//
// An error means that the same records must come again: ClickHouse or Kafka did
// not take them, or a topic prefix has no epoch yet. A record that cannot be
// stored whatever is tried becomes a letter and holds up nobody.
package ingest
