package table

// Table maps one table of PostgreSQL to one of ClickHouse.
type Table struct {
	Source  string // in PostgreSQL; its topic is cdc.<Source>
	Target  string // in ClickHouse
	Columns []Column
	// Views are the tables of views over Target that replace by version and hold
	// every column that a tombstone has.
	Views []string
}

// topicPrefix is where the connector's routing puts the tables.
const topicPrefix = "cdc."

// Topic is where the table's changes arrive.
func (t Table) Topic() string { return topicPrefix + t.Source }

// All returns every mapped table.
func All() []Table {
	return []Table{users(), posts(), comments(), likes(), follows()}
}
