// Package breaker keeps calls away from a dependency that does not work.
//
// After Config.Failures failures in a row a Breaker opens: calls are refused at
// once, with ErrOpen, until Config.Delay is over. Then one call at a time is let
// through; Config.Successes of them in a row close it, a failure opens it again.
// Only what Deps.IsFailure names counts: a query that is wrong says nothing of
// the server, and a caller that gives up says nothing at all.
//
// A Breaker is safe for concurrent use. A call that panics counts as a failure
// and panics on. Its state and every change of it show in metrics, in the log
// and in health.
package breaker
