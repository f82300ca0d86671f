// Package eventsv1 is the generated form of nova.events.v1, the record format of
// the topic "events". The services encode and decode it with pkg/event, which is
// faster and keeps unknown fields; clients use this package.
//
// Released fields keep their number, name and type for ever: proto/released holds
// each version, and the schema is checked against the newest.
//
// Messages follow the rules of google.golang.org/protobuf: reading one from
// several goroutines is safe, changing it is not.
//
// Unmarshal fails on malformed bytes; it does not validate.
package eventsv1
