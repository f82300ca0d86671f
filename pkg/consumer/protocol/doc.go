// Package protocol decides what a lane does next, so that every record of it is
// stored exactly once: which plans to replay, what to commit, and what follows
// from each answer. It does nothing itself: the caller carries out a Step, reports
// how it ended, and asks for the next.
//
// The guarantee, for a store that drops a block whose token it knows: whatever of
// crashes, rebalances, paused members, late, lost and torn commits happens, the
// committed offset never passes a record that is not stored, and no record is
// stored under two tokens. A search over all such histories of two members and
// two partitions runs as a test of this package, on this code.
//
// A Lane belongs to one generation of one member and is used by one goroutine. It
// is a plain value: its copy is independent.
//
// What contradicts the protocol (offsets set by hand, a topic made anew, a broker
// that commits a request in part) ends in a HaltError, never in a guess.
package protocol
