// Package statement recognizes the few shapes of SQL that a server must tell
// apart before the engine parses it: an INSERT whose rows follow, a FORMAT
// clause, several statements in one text.
//
// It understands tokens (quoting, comments, brackets), not grammar. What it
// does not recognize goes to the engine unchanged, which then gives
// ClickHouse's own error.
//
// Its functions are pure.
//
// No text makes it fail; unterminated quotes and comments reach to the end.
package statement
