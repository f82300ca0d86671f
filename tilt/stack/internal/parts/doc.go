// Package parts describes what the local stack consists of: PostgreSQL, Redis,
// ClickHouse and Kafka, then `jobs migrate`, then Kafka Connect with Debezium,
// then the services.
//
// A part whose server the user has named runs nothing and is only awaited. Data
// is made under another name and renamed when it is whole, so a part that was
// interrupted at its first start begins anew.
//
// The functions here are called by one goroutine; those inside the parts by the
// supervisor's.
//
// A program or file that is missing is an error before anything is started.
package parts
