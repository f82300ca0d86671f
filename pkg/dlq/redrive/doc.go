// Package redrive is the command "dlq" of a service: it lists and shows dead
// letters, and puts the records in them back on the topics they came from.
//
// A redriven record is the dead one, byte for byte, key and headers included, with
// one header more: dlq.HeaderOrigin. Its consumer takes the dead record's claims
// over by it, so that redriving twice, or again after a crash, stores it once. What
// is stored already, what the service would refuse again, and what is on another
// service's topic is left where it is. A letter is redriven only once the group has
// committed the dead record's offset: until then it may still be stored by itself.
// Letters are never deleted; their topic's retention does that.
//
// One redrive is one goroutine. Two at a time are harmless.
//
// When Kafka or ClickHouse fail, the command ends with an error that says where it
// was; repeated with the same state file, it goes on there.
package redrive
