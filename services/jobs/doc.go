// Package jobs is the service behind the jobs binary. Today it is one command,
// jobs migrate, which brings an installation up to date: ClickHouse's schema and
// Kafka's topics, both declared as files.
//
// A migration changes nothing when either side differs from what the files made;
// it says how. It may run any number of times, also at the same time.
//
// Nothing here is used by more than one goroutine.
//
// A dependency that does not answer is waited for, up to MIGRATE_TIMEOUT, and the
// reason is logged; what was applied until a failure stays, and the next run does
// the rest.
package jobs
