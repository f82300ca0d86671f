// Package source watches what cdc-ingest depends on and has no part in: the
// replication slot in PostgreSQL, the connector, and the connector's heartbeat.
// Records that never come are no error of a consumer; this is where they show.
//
// Each is looked at every Config.Interval, by itself: one that does not answer
// neither holds up the others nor the service. What is wrong degrades the health
// report, with what to do, and is logged when it begins and when it ends.
//
// How far the slot is behind in time is measured, not asked: the watcher remembers
// when the WAL reached which position, so the age of the oldest WAL that the
// connector has not confirmed is exact to one interval. WAL older than the watcher
// itself counts from its start. A connector confirms what Kafka Connect has flushed,
// so up to its offset.flush.interval.ms (a minute) is no lag.
//
// The heartbeat's age is by the clock of whoever stamps the topic's records.
//
// A Watcher belongs to one Run. Its metrics are safe to scrape at any time; what is
// not known is not reported.
package source
