// Package board shows the local stack at work: rates, rows, lag, freshness,
// dead letters, the state of the caches and of every part, what is trending, and
// the addresses to look at.
//
// On a terminal it is a table drawn in place, fitted to the terminal's size of
// that moment; the terminal is restored when Run returns, with the last table
// left on it. Elsewhere it is one plain line every few seconds.
//
// Run asks its sources side by side, and waits for all of them before it draws.
//
// A source that does not answer within a second shows as dashes and does not
// disturb the others; Run fails only when its output does.
package board
