// Package audience finds out in ClickHouse whose feeds show a post or an author.
//
// What it returns is what ClickHouse knows when it is asked: a post or a follow
// that has not arrived there yet is missing.
//
// A Finder is safe for concurrent use.
//
// An error means that ClickHouse did not answer; the same question may be asked
// again.
package audience
