// Package telemetry is how a service is watched: a structured log, metrics, a
// health report, and the admin server that shows them.
//
// Metric names reach /metrics exactly as they are given to the meter: no unit or
// "_total" is appended. Log lines are JSON on stderr and hold the trace and span
// ids of their context.
//
// Everything is safe for concurrent use. There is no global state: components
// get their logger and meter as dependencies.
//
// A failing scrape or a slow reader of the admin server never holds up the
// service. Readiness is about accepting work, not about the health of
// dependencies: a degraded service stays ready and says why (a 503 would take
// the events API out of its load balancer while Kafka is fine).
package telemetry
