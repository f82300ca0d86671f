// Package killtest holds the tests that kill the ClickHouse server in the middle of
// inserts and count what is in its tables afterwards. It has no code of its own.
//
// Eight writers insert batches over three months, each under its token, into a table
// with a summing view. The server is killed, started again on its data, and every
// batch without an acknowledgement is sent again under the same token: then each
// batch is in the table and in the view exactly once. Placed kills hit the rename of
// a tmp_insert_* after its token was written; strace injects them, and only those
// count that leave a token whose part was in a rename and is not there. Without the
// repair each token left so loses its batch, which shows that the check can fail.
// Random kills hit any moment. Two more tests hold the repair to the engine's ways of
// writing its logs: one that is cut short, and one that rotates before the rename.
//
// PLACED_KILLS (default 3; with and without repair, each) and RANDOM_KILLS (default
// 10) set how many, at one to two seconds each. The tests run one after the other.
//
// A server that cannot be traced fails its test: `make deps` installs strace.
package killtest
