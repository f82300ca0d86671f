// Package invalidator is the invalidator service: it reads what changes, from
// PostgreSQL's tables and from clients, and removes the feed pages from Redis
// that a change makes stale.
//
// For every change, the pages that it makes stale at that time are removed at
// least once, whatever is killed or replayed: an offset is committed after the
// pages are gone. Only users whose feeds the change touches lose pages. Pages
// end by themselves too, so a group without a commit begins at the end of the
// topics.
//
// One process is one member of the consumer group nova-invalidator. Any number
// of them share the partitions.
//
// While ClickHouse, Redis or Kafka is away it waits, keeps its place and its
// health report says why. A record that cannot be read is counted and passed.
package invalidator
