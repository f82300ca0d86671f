// Package eventsapi posts bodies to the events API.
//
// Every call is one request: whether and when to repeat it is its caller's choice,
// who learns the status, the words of the answer and Retry-After.
//
// A Client is safe for concurrent use; each request takes a connection of its own
// from those that are kept.
//
// An error is that of the network or of the context. Any status is an Answer.
package eventsapi
