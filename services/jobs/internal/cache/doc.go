// Package cache is what the jobs keep in Redis: the results that others read,
// and the claims by which one replica runs a tick and no other.
//
// A claim is taken by one replica as long as Redis keeps it. One that is evicted
// or lost with Redis may be taken again, and the tick run twice, which computes
// the same result twice.
//
// A Cache is safe for concurrent use. No command takes more than one key, so that
// a cluster will do.
//
// Open does not connect. While Redis does not answer, calls return an error
// within Config.Timeout; a write that has failed may have happened.
package cache
