// Package doctor checks what cdc-ingest needs of PostgreSQL, the connector, Kafka
// and ClickHouse, and says for each thing that is wrong what to do: the statement,
// the setting, or the command.
//
// A finding is ok, a warning (it works, and something is at risk) or a failure
// (changes are lost, refused, or will be). All servers are checked, whatever one of
// them says; a server that cannot be reached is one failure, and what would have
// been read from it is left out.
//
// Nothing is changed anywhere. Run belongs to one goroutine; what CanFill returns
// may be called from several.
//
// The private columns of users, email and password_hash, are the connector's to leave
// out, by naming the columns that may pass. A column list of the publication would
// break its stream: the connector reads all columns of a table again after a snapshot
// by signal, and takes the fewer values that arrive for the first of them.
package doctor
