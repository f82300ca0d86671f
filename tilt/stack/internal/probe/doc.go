// Package probe asks a server whether it does its work, in the server's own
// protocol: an open port alone says little about a database that still recovers.
//
// Each function returns a probe, which connects anew, asks one cheap question
// and closes the connection; nil means ready.
//
// Probes keep nothing between calls and are safe for concurrent use.
//
// A probe gives up when its context ends. Its error names the address, never a
// password.
package probe
