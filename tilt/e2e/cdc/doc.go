// Package cdc holds cdc-ingest to PostgreSQL, with the real connector between
// them: PostgreSQL, Debezium, Apache Kafka, ClickHouse and the built service.
//
// One stack serves all scenarios, which follow each other. Each ends with the
// same question: is every table equal to PostgreSQL column by column, and every
// relationship view to follows; is every offset committed; are there the dead
// letters that were to come, and no others. A scenario that fails is cleared away,
// so that it does not fail those behind it.
//
//	go test ./tilt/e2e/cdc                            # what CI runs
//	CDC_FULL=1 CDC_CHANGES=100000 go test ./tilt/e2e/cdc   # everything, at length
//	CDC_SCENARIOS='truncate,drift' go test ./tilt/e2e/cdc  # those alone
//	CDC_SEED=n                                        # the random workload again
//
// Times that are printed are measured only where nothing else runs.
package cdc
