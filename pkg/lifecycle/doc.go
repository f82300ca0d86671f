// Package lifecycle runs the parts of a process and stops them in order.
//
// A Group starts its members together and stops them one by one, last added
// first, each awaited before the next is told: what feeds others is added last
// (HTTP server, consumer), what others need first (admin server, producer).
// When a member ends by itself, with or without an error, the whole group stops.
//
// A Group is used from one goroutine; its members run side by side.
//
// A member that outlives the drain deadline is left behind and named in the
// error; a member that panics ends the group with an error that holds the stack.
package lifecycle
