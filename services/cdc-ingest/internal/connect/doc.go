// Package connect asks Kafka Connect how a connector does: the state of it and of
// its tasks, and the offset that it has stored.
//
// A Client changes nothing and is safe for concurrent use. What a connector stores
// is as old as Kafka Connect's offset.flush.interval.ms (a minute by default).
// ErrUnknown says that there is no such connector; any other error that Kafka
// Connect cannot be asked.
package connect
