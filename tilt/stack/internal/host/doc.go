// Package host finds the programs that the local stack runs on this machine, and
// the account that PostgreSQL runs as.
//
// It looks at commands, not packages: a program counts however it came here. A
// version that is too old counts as missing.
//
// Everything is safe for concurrent use; nothing is kept between calls.
//
// What is not found is an error that names the program and the version needed.
package host
