// Package schedule draws the faults of a round: what, to whom, when and for how long.
//
// A schedule is a function of the seed and the round's number. Every kind of fault
// comes once in each run of as many rounds as there are kinds, in an order that the
// seed shuffles, with others beside it that do not touch the same part.
//
// Everything here is a value; nothing fails.
package schedule
