// Package deps gets what the local stack and the tests need and this machine
// lacks: programs by apt, Kafka's and Debezium's jars by Maven, and the
// ClickHouse engine by npm. All versions are pinned.
//
// A download goes to a directory of its own that is renamed when it is whole:
// what is in the cache is complete, and a start after an interruption goes on
// with what had arrived. Packages are installed with the start of services
// suppressed, so that none takes a port now or after a reboot.
//
// Ensure is used by one process at a time: it holds a lock in the cache.
//
// A user who is not root gets ErrNeedsRoot with the one line to run.
package deps
