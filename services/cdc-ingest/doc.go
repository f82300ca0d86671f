// Package cdcingest is the cdc-ingest service: it reads what Debezium writes of
// PostgreSQL's tables and keeps ClickHouse's tables in step.
//
// Every change that is not dead-lettered is in its table exactly once under
// FINAL, newest version last, whatever is killed or replayed: an offset is
// committed after the insert, and inserting again is harmless.
//
// One process is one member of the consumer group nova-cdc-ingest. Any number of
// them share the partitions.
//
// While ClickHouse or Kafka is away it waits, keeps its place and its health
// report says why; a member that alone cannot store leaves the group until it can.
// A record that can never be stored goes to the dead-letter topic, alone, also when
// it is ClickHouse that refuses it; too many of them pause the service until an
// operator's call. A topic prefix without an epoch pauses its table until
// CDC_EPOCHS has it.
package cdcingest
