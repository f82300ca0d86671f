// Package httpapi is ClickHouse's HTTP interface over the engine, for curl and for
// tools that speak it.
//
// A query comes in the URL (`query`), in the body, or in both, one after the other;
// the rows of an INSERT may follow it in either place and in any input format, also
// with Content-Encoding gzip. `database`, `default_format`, `query_id` and
// `param_<name>` mean what they mean in ClickHouse, any other name is a setting. GET
// may only read. Errors have ClickHouse's status, text and
// X-ClickHouse-Exception-Code.
//
// Every request has a session of its own and any number may run side by side. A
// client that goes away cancels its query. Results in formats whose documents may
// be joined (TSV, CSV, JSONEachRow, RowBinary, Native and their kin) are sent as
// they come; other formats (those with a head or a foot) are built in memory first.
// An INSERT is never held in memory as a whole.
//
// An error in the middle of a result that has begun is written behind it, and the
// connection is cut so that no client takes the part for the whole. An INSERT whose
// body ends early is cancelled; blocks that were complete may have been stored.
// Users and passwords are accepted and mean nothing; session_id is ignored; the
// options of ClickHouse's own compression and multipart bodies are refused with 501.
package httpapi
