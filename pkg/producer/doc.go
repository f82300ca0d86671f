// Package producer publishes records and waits until Kafka holds them.
//
// Publish returns nil only when every in-sync replica has acknowledged every
// record. A failed or interrupted Publish may have written some of them, so
// repeating it can duplicate records: they need an identity of their own. Records
// with the same key land where Java's producer would put them, and keep their
// order within one Publish.
//
// A Producer is safe for concurrent use. Records of concurrent callers that go to
// the same partition travel together: a partition has one request under way, and
// what arrives meanwhile, or within the linger of an idle one, makes the next.
//
// Errors that may pass, moved leaders, a broker that is down and a topic that is
// not there yet among them, are tried again until the caller's context ends.
// Others are returned at once and name the records they concern: a record that
// Kafka refuses, or that is too large, fails alone, and its batch is sent without
// it.
package producer
