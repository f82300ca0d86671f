// Package kafkaio appends records to topics and reads them back, and reads what
// groups have committed, over Kafka's protocol: the same on every broker.
//
// Append keeps the order of records within a partition and returns when all are
// acknowledged by all replicas; what it repeats after an error may be there twice, so
// a reader of the log, not its writer, knows what is on it. Read returns exactly the
// records between two offsets.
//
// A Client may be used by many goroutines; those that append to the same partition
// must take turns.
//
// Calls last until their context ends, through any number of broker restarts; the
// error then holds the last answer.
package kafkaio
