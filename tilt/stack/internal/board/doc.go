// Package board shows the local stack at work: rates, rows, lag, freshness,
// dead letters, the state of every part, and the addresses to look at.
//
// On a terminal it is a table drawn in place, fitted to the terminal's size of
// that moment; the terminal is restored when Run returns, with the last table
// left on it. Elsewhere it is one plain line every few seconds.
//
// Run is one goroutine and calls its sources from it.
//
// A source that does not answer in time shows as a dash or keeps its last
// value, and never holds up the others for longer than a second; the board
// itself fails only when its output does.
package board
