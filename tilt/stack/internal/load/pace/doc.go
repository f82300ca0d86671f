// Package pace says when the arrivals of an open loop are due: by the clock, never
// by the answers to those before.
//
// A Schedule is a pure function of its fields and safe for concurrent use. Its
// arrivals are in order, and as many as the integral of its rate.
//
// Pause fails only when its context ends first.
package pace
