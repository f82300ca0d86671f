// Package token knows callers by the bearer tokens that they send.
//
// Tokens stand in a file, one `name:token` a line. A name may have several, so
// that a new token can be handed out before the old one is taken away; the file is
// read again when it changes. A file with any mistake is not taken, in parts
// neither: the tokens before it stay.
//
// Only digests (SHA-256) are kept, and they are all compared, in constant time. No
// token appears in an error, a log or a metric.
//
// Everything is safe for concurrent use. Watch belongs to the goroutine that calls
// it.
//
// A file that cannot be read is an error of Open, and of a running service a
// state: degraded, said once in the log.
package token
