// Package table declares how PostgreSQL's tables become ClickHouse's, one Go
// file each, and turns change events into rows of a block.
//
// A mapping is an allow-list: a column that is not declared never reaches
// ClickHouse, it is only counted. A change becomes one row with its version and
// is_deleted. A delete becomes a tombstone that holds the key and the columns
// that a view is keyed by, nothing else, so that a deleted row's text does not
// live on. An update that changes a column of a view's key becomes two rows: a
// tombstone under the old key of the view, and the row itself.
//
// A record that lacks values which are those of the row before it, because
// PostgreSQL does not send them again, is left out and becomes one of Needs. Once
// Rows is told of the earlier rows, by Know, it completes such records, in order,
// from them and from the rows appended since.
//
// A TRUNCATE is no row but a Mark. Swept and Sweeps make the tombstones for what it
// has removed.
//
// A Table is a value without state. Rows belongs to one goroutine at a time.
//
// Append appends all rows of a change or none. Its errors say what keeps the
// change from being stored, and ReasonOf classifies them for the dead letter;
// nothing is stored in part, guessed, or repaired in silence. Values beyond the
// range of ClickHouse's type are cut to its bound, and counted; so are columns that a
// record lacks, whose rows hold NULL or a default.
package table
