// Package block re-frames blocks of columns between the native protocol and
// the engine's format Native.
//
// The two differ in their framing only: a block of the protocol begins with
// block information and gives each column a byte about custom serialization,
// from certain revisions on. A column's data are copied as they are, by a walk
// over its type's layout, which also shows where the column ends. What a walk
// passes is well formed: no offset runs backwards and no dictionary index
// points nowhere, so that the engine can trust it.
//
// A Reframer belongs to one goroutine.
//
// Malformed input is an error and leaves the source at an unknown place. A type
// whose length cannot be known without decoding it (JSON, Dynamic, Variant,
// AggregateFunction) is an *UnsupportedTypeError.
package block
