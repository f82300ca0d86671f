// Package debezium decodes the change events of Debezium's PostgreSQL connector
// from JSON bytes and ranks them.
//
// Envelope.Decode takes a record's value with or without the
// {"schema","payload"} wrapper and yields operation, source and the columns
// before and after as raw JSON; the methods of Value read a column as the type
// that the table's mapping declares. Epochs gives each change the version by
// which ClickHouse keeps the newest row. What Debezium sends that is no row
// change (tombstones, truncates, messages, heartbeats, transaction marks) is
// recognised by its Kind; what it would never send is an *Error.
//
// A decoded Envelope points into the record's bytes and copies nothing but
// escaped text. It is used again for the next record, by one goroutine at a
// time. The package keeps no state.
//
// Decoding is strict: bytes that are not JSON, values that do not fit, text
// with lone surrogates are refused with the column and the byte where it shows,
// never repaired. The one part that is not looked at is the wrapper's schema,
// which is five times as long as the rest.
package debezium
