// Package breaker keeps calls away from a dependency that does not work.
//
// After Config.Failures failures in a row a Breaker opens: calls are refused at
// once, with ErrOpen, until Config.Delay is over. Then trials are let through, no
// more at a time than Config.Successes; so many of them in a row close it, a
// failure opens it again. Only what Deps.IsFailure names counts: a query that is
// wrong says nothing of the server, and a caller that gives up says nothing at
// all.
//
// Queries use Retry, which repeats a call a few times and never against an open
// breaker. Consumers use Do and Await: they pause, one of them tries, and nothing
// is dropped.
//
// A Breaker is safe for concurrent use. A call that panics counts as a failure
// and panics on. Its state and every change of it show in metrics, in the log
// and in health.
package breaker
