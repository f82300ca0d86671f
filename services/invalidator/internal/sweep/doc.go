// Package sweep removes feed pages that stand in no index, by looking at every
// key of Redis: once for all users who wait for it, never once per user.
//
// When Sweep returns nil, a sweep that began after the call has ended: every page
// that one of the users had then, and that nobody has written again, is gone.
// Sweeps take at most about a fifth of the time, and none runs while nobody
// waits.
//
// A Sweeper is safe for concurrent use; Run, which does the sweeping, runs once.
//
// The error of a sweep goes to everyone who waited for it. They may call again.
package sweep
