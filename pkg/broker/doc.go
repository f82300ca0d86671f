// Package broker is how Kafka is reached: addresses, encryption, login and time
// limits. It knows nothing of topics, groups or records.
//
// One Cluster holds one kafka.Transport, whose connections every producer and
// consumer of a process shares: each Transport keeps goroutines and a metadata
// cache of its own until it is closed.
//
// A Cluster is safe for concurrent use until Close.
//
// Open does not connect, so it succeeds while Kafka is down; an unreachable
// broker is an error of the first request.
package broker
