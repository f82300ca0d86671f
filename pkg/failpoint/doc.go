// Package failpoint lets fault tests kill a service at a named point, and switch
// off one of the rules that keep it from losing or doubling records, to see that
// the tests would notice.
//
// It is inert unless an operator sets FAILPOINTS_ENABLED: New then returns nil,
// and every method of a nil Set does nothing. A process that is not inert says so
// at its start, as an error, because its data is not safe.
//
// A Set is safe for concurrent use. Passing a point costs two atomic operations.
// The n-th pass of an armed point kills the process with SIGKILL, so that nothing
// is flushed, closed or committed on the way; each arming kills once.
package failpoint
