// Package debezium decodes the change events of Debezium's PostgreSQL connector
// from JSON bytes and ranks them.
//
// Envelope.Decode takes a record's value with or without the
// {"schema","payload"} wrapper and yields operation, source and the columns
// before and after as raw JSON; the methods of Value read a column as the type
// that the table's mapping declares, exactly: no integer and no numeric goes
// through a float, and none is rounded. Epochs gives each change the version by
// which ClickHouse keeps the newest row. What Debezium sends that is no row
// change (tombstones, truncates, messages, heartbeats, transaction marks) is
// recognised by its Kind; what it would never send is an *Error.
//
// A decoded Envelope points into the record's bytes and copies nothing but
// escaped text. It is used again for the next record, by one goroutine at a
// time. The package keeps no state.
//
// The mapping's types stand in for the wrapper's schema, which is five times as
// long as the rest and is the one part that is not looked at. It could add how
// numerics are written, no more. One with declared scale is text under
// decimal.handling.mode=string and base64 under precise, where the scale stands in
// the schema alone: the mapping says which of the two, and the scale. One without
// declared scale carries its own under precise; both readers know it by that.
//
// Decoding is strict: bytes that are not JSON, values that do not fit, text with
// lone surrogates are refused with the value and the byte where it shows, never
// repaired. Infinite times, dates and numerics, and numerics beyond 128 bits, are
// read as the ends of what the reader returns, for the mapping to saturate.
package debezium
