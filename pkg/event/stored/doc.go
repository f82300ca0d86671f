// Package stored knows which events post_events holds.
//
// Its answer is of a replica that has every row acknowledged before the question.
// Claims say the same of the last day, and are cheaper: this is for events whose
// claims may be over, those of redriven records.
//
// Find keeps nothing and may be called by any goroutine. An error is ClickHouse's,
// and means that nothing is known.
package stored
