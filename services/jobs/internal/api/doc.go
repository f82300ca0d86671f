// Package api is the HTTP interface from which trending lists and the state of
// jobs are read.
//
// An answer of 200 says when its list was computed and whether it should have
// been computed again by now ("stale"); every other answer is problem+json and
// says what is wrong.
//
// Handlers run concurrently and change nothing.
//
// A request ends within its time limits whatever the client, Redis or ClickHouse
// do. One under way when the service stops is finished.
package api
