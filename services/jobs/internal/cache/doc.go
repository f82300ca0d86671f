// Package cache is what the jobs keep in Redis: the results that others read,
// and the claims by which one replica runs a tick and no other.
//
// A claim is its holder's for as long as Redis keeps it: until its time is over,
// unless the holder claims again. One that is evicted or lost with Redis may be
// taken again, and the tick run twice, which computes the same result twice.
//
// A Cache is safe for concurrent use. No command takes more than one key, so that
// a cluster will do.
//
// Open does not connect. While Redis does not answer, calls return an error
// within twice Config.Timeout, of which one is for connecting; a write that has
// failed may have happened. Health is told of "redis" when the first call fails
// and when the first works again, which takes somebody who calls; a caller that
// gives up says nothing.
package cache
