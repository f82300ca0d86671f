// Package api is the HTTP interface to which clients post events.
//
// 202 means that Kafka has every event of the body, acknowledged by all in-sync
// replicas; 400 that none of them was published, with every broken rule named.
// After a 503 a part may be on Kafka: the client posts the identical body again,
// and what was there already is dropped as a copy.
//
// Handlers run concurrently and share nothing but the publisher.
//
// While Kafka does not take events the answer is 503 with Retry-After, and the
// service says that it is degraded. ClickHouse and Redis are not asked: Kafka
// holds what is accepted while they are away. A request ends within its time
// limits whatever the client or Kafka do; one under way when the service stops
// is finished.
package api
