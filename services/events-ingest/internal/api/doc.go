// Package api is the HTTP interface to which clients post events.
//
// 202 means that Kafka has every event of the body, acknowledged by all in-sync
// replicas; 400 that none of them was published, with every broken rule named.
// After a 503 a part may be on Kafka: the client posts the identical body again,
// and what was there already is dropped as a copy. Every other refusal published
// nothing, except a 413 for an event that is larger than its topic takes. What may
// be sent and answered is described by openapi.json, which is served, and against
// which the tests hold every answer.
//
// Handlers run concurrently and share the publisher, and the bounds on how many
// requests and bytes are in hand: beyond them the answer is 429. Run
// belongs to one goroutine.
//
// While Kafka does not take events the answer is 503 with Retry-After, and the
// service says that it is degraded. ClickHouse and Redis are not asked: Kafka
// holds what is accepted while they are away. A request ends within its time
// limits whatever the client or Kafka do; one under way when the service stops
// is finished.
package api
