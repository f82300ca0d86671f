// Package ports finds out, before anything is started, which of the stack's
// ports are taken and by whom.
//
// Check names every taken port at once, with the process that listens there when
// this user may know it, and what can be done.
//
// It is safe for concurrent use, and only a forecast: a port that is free now can
// be taken when its part starts, which then fails by its own log.
//
// A holder that cannot be found out is simply not named.
package ports
