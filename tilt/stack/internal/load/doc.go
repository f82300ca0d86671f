// Package load puts the events API under a load of which every property is chosen:
// rate, ramp, size of bodies and events, copies, skew, form.
//
// The loop is open: requests are due by the clock, whatever becomes of those before.
// A server that stalls makes latencies grow and leaves the rate as it is, since a
// latency is counted from the time at which its request was due, not from the one at
// which it could be sent (so there is no coordinated omission). At most Connections
// requests are under way; one that is due and finds no connection free is held back,
// counted, and sent as soon as there is one, until 10 s after Duration: what is left
// then is counted as not sent. Nothing is repeated.
//
// Latencies are those of accepted requests and of those that had no answer in time.
// Requests that found no connection are counted, and what else the API answers has
// quantiles of its own: neither makes an overloaded API look quick.
//
// The share of copies and the size of events are exact, and every event is a
// function of the configuration, the start and its place alone, so that a run of any
// length takes the same memory, but for the marker events that ClickHouse does not
// show so far. Freshness is from the 202 of a marker until ClickHouse shows it, at the
// resolution of its polling, which reads the markers since the oldest that is missing:
// few, however long the run is, unless one stays away.
//
// Run owns its goroutines and returns when all have ended.
//
// An answer that blames the request (400, 401 and the like) ends the run, as does an
// API that cannot be reached at the start; every other failure is counted. The end
// of the context ends the run without an error. What was measured until then is
// returned in every case.
package load
