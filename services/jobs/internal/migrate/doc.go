// Package migrate brings ClickHouse's schema and Kafka's topics to what the files
// of this release declare, or says what is missing.
//
// Both sides are compared before either is changed: drift on one stops all.
//
// Run may be called from several processes at once; the packages schema and
// topics say what protects it.
//
// A dependency that does not answer is asked again until the timeout; a wrong
// password or a missing grant fails at once.
package migrate
