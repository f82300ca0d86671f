// Package bench measures the events path and prints one table: what was measured, the
// target, and whether it is met. `make bench` runs it at full length.
//
// The built service runs as a process against the embedded ClickHouse, a real Redis and
// Apache Kafka, all on this machine. It has the settings of the defaults, but for the
// addresses of these, SESSION_TIMEOUT=4m (it stands still while a backlog is made, and
// must not lose its partitions), BATCH_AGE=1s where inserts are counted, no ClickHouse
// where the API is measured alone, and no Redis, which DEDUP_ON_FAILURE=bypass and a
// breaker that stays open let it go on without, where a row says that dedup is off. What
// an event costs is the processor time of the service alone, as the system accounts
// it, divided by the events of a backlog that lies on Kafka before the clock starts.
// Rows that depend on the speed of the servers beside it (latencies, freshness) are
// those of this machine, whose facts are printed above the table and stored beside it.
//
//	make bench                              # everything, some minutes
//	BENCH_KAFKA=kfake make bench            # with the Kafka that runs inside the test
//	BENCH_JSON=path make bench              # where the same goes as JSON; .run/bench otherwise
//	BENCH_PROFILE=path make bench           # and a processor profile of one more backlog
//	go test ./tilt/e2e/bench                # a short run: every row, no conclusion
//
// A row that cannot be measured fails the run, which prints those before it, and so does an event that is not stored
// exactly once; a target that is missed does not.
package bench
