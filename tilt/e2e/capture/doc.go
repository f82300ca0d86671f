// Package capture writes the records that the decoder's tests read: what the real
// connector sends for every column type, operation, snapshot, replica identity and
// converter setting.
//
//	go test ./tilt/e2e/capture -update   # all of pkg/debezium/testdata/records
//	go test ./tilt/e2e/capture -add      # only those that are missing
//
// It starts a stack, creates a connector for each phase, executes its statements
// and writes the value of each record that follows to <name>.json, byte for byte
// as it was on Kafka; a value of a megabyte is compressed. keys.tsv beside them has
// the key and the headers of each. What changes from run to run is the times and
// the WAL positions: the golden files of package debezium follow by its own
// -update.
//
// Without a flag the test compares the list of cases with the files, and starts
// nothing.
package capture
