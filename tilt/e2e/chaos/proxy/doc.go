// Package proxy is a TCP proxy that does to a connection what a network does:
// refuse it, let nothing through, slow it down, reset it in mid-stream.
//
// Passing is exact: bytes are forwarded in order and ends of stream too. Its address
// stays the same whatever the mode.
//
// A Proxy may be used by any goroutine.
//
// A target that does not answer shows as a connection that is reset, as it would
// behind a load balancer.
package proxy
