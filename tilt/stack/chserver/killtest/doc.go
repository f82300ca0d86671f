// Package killtest holds the tests that kill the ClickHouse server in the middle of
// inserts and count what is in its tables afterwards. It has no code of its own.
//
// Eight writers insert batches over three months, each under its token, into a table
// with a summing view. The server is killed, started again on its data, and every
// batch without an acknowledgement is sent again under the same token: then each
// batch is in the table and in the view exactly once. Placed kills hit the rename of
// a tmp_insert_* after its token was written; strace injects them, and only those
// count for which the token and the temporary directory are found without a part.
// Without the repair each of them loses a batch, which shows that the check can fail.
// Random kills hit any moment.
//
// PLACED_KILLS (default 3; with and without repair, each) and RANDOM_KILLS (default
// 10) set how many; about 2 s and 0.5 s each. They run one after the other.
//
// A server that cannot be traced fails the test: `make deps` installs strace.
package killtest
