// Package dedup decides which of several records of one event is the one to
// store, with a claim in Redis that names its holder.
//
// A record is kept if and only if the claim's holder is that record: so a replay
// after a crash keeps what it had claimed, and every other copy is dropped, also
// within one batch. A claim is never released; it ends with its TTL. A redriven
// record takes the claim over from the dead record that it is a copy of. Who
// holds it is told by coordinates (topic, partition, offset); the payload's hash
// only shows that two copies differ, which is counted, and logged once a minute.
//
// A Claimer is safe for concurrent use, and claiming again is harmless. Every
// command is about one key, so that a Redis Cluster serves as well. The decision
// itself is a Batch, which needs no Redis.
//
// Open does not connect. While Redis does not answer, or is not one to rely on (a
// version below 7, or one that may evict claims), Claim returns an error and has
// decided nothing: the caller pauses and tries the same again. With
// DEDUP_ON_FAILURE=bypass it keeps every event instead once Redis's breaker has
// opened, so copies pass; Redis losing its claims (a failover that forgets the
// last writes) lets a copy pass too.
package dedup
