// Package event is the client event: its model, its JSON and protobuf forms, and
// the rules it must keep.
//
// Both forms decode to the same Event, and what a decoder does not know is kept
// among the attributes: nothing a client said is dropped. An event without an id
// gets one derived from what it says, so that an identical retry is the same
// event. Encoding is deterministic: equal events are equal bytes.
//
// Records outlive schemas. Each record of a released schema decodes for ever, and
// one of a newer schema for what is known of it: from Kafka any action is read, and
// more attributes than a client may send.
//
// Functions are safe for concurrent use. A decoded Event shares no memory with
// its input, unless by DecodeShared.
//
// A decoder never panics, whatever the bytes, and its error is an *InvalidError
// that names every rule broken, not the first alone: index, field and rule.
package event
