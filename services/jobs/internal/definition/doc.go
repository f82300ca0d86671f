// Package definition reads what an operator has defined as jobs: the rows of
// PostgreSQL's job_definitions as Debezium sends them, or a file of the same
// shape.
//
// A Definition is what was written, not what makes sense: whether its kind,
// schedule and parameters do is judged where the job is made. What does not even
// have its fields is an error, and says where.
//
// A Decoder is used by one goroutine; all else is safe for concurrent use.
//
// A file that cannot be read leaves what it said before in force.
package definition
