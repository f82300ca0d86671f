// Package invalidate is what the invalidator does with a batch of records: it
// finds out whose feed pages they make stale and removes those pages, at once by
// the index of pages and then by a sweep for pages that are in none.
//
// Handle does the first, and Finish returns nil when the second is done for all
// that Handle was given before; then offsets may be committed. Doing either
// again, whole or in part, removes a few pages more than need be and is harmless
// otherwise.
//
// A Handler is safe for concurrent use.
//
// An error means that ClickHouse or Redis did not answer, and that the same
// records must come again. A record that cannot be read is counted, logged at
// most once a minute for each topic, and passed: it holds up nobody.
package invalidate
