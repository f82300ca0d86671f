// Package schedule reads when a job runs: every so often, or by a cron
// expression, in UTC.
//
// Whoever reads the same schedule gets the same ticks: those of "@every" are the
// multiples of its duration since 1970, not counted from when a process started.
// So replicas that take a job from each other agree on what its next tick is.
//
// A Schedule is immutable and safe for concurrent use.
//
// A text that is no schedule, or one whose time never comes, is an error that
// says what is allowed.
package schedule
