// Package block builds the columns of one INSERT and reads those of a result:
// typed columns in memory, encoded in ClickHouse's Native form by package
// clickhouse. JSON is stored as text, so its column is a String.
//
// After warm-up appending allocates nothing, whatever the row count: Reset keeps
// the memory of every column. Bytes and strings are copied on Append, so a
// message buffer may be reused at once. The type a column declares is sent with
// the block; the server converts, or refuses, if the table's type differs.
//
// A Block and its columns belong to one goroutine at a time.
//
// Append never fails, except where a text is parsed: then nothing was appended,
// and Truncate takes back the part of a row that stands already. An instant, date
// or decimal beyond its type's range becomes the bound, and Append says so.
// Columns of unequal length are an error of the INSERT, before anything is sent.
package block
