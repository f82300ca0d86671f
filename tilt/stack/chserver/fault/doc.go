// Package fault makes the next INSERTs of a test server fail in a chosen way.
//
// A Plan is a list of rules, set over HTTP or by code. Each INSERT of rows
// takes the first rule that fits its table and still has a count; the
// interface it came by carries the rule out. INSERT SELECT is never touched.
//
// A Plan may be used by many goroutines.
//
// A rule that cannot be understood is refused with its reason, and the plan
// stays as it was.
package fault
