// Package redis reaches Redis: one configuration, with another server for each
// role where it is set, and one way to connect and to check what answers.
//
// There are two roles. DEDUP_REDIS_ADDR keeps claims and must not evict them;
// CACHE_REDIS_ADDR keeps what can be computed again and may evict. Both are
// REDIS_ADDR where they are not set. A single node, a Sentinel and a cluster are
// told apart by themselves.
//
// A Connector is safe for concurrent use. NewConnector does not connect; Client
// does, at its first use and again at each later one until a Redis that will do
// has answered: version 7 or above, and whatever its role asks for. From then on
// the client reconnects by itself.
package redis
