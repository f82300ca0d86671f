// Package httpserver serves an HTTP API of a service within limits: of time for
// receiving and answering a request, and of the size of its headers.
//
// Listen takes the address, so that one in use is known before anything runs. Run
// serves until its context ends, then takes no new requests and finishes those
// under way, each within its own limits: an answer that was begun is given.
//
// A Server belongs to the goroutine that runs it; the handler is called from many.
package httpserver
