package debezium

// Op is an envelope's operation. The zero Op belongs to records that have none.
type Op byte

// The operations of the PostgreSQL connector.
const (
	Create   Op = 'c'
	Update   Op = 'u'
	Delete   Op = 'd'
	Read     Op = 'r' // a row of an initial, incremental or blocking snapshot
	Truncate Op = 't'
	Message  Op = 'm' // pg_logical_emit_message
)

func (op Op) String() string { return string(rune(op)) }

// Kind is what sort of record a value is.
type Kind byte

// The kinds of records on Debezium's topics.
const (
	KindChange      Kind = iota // a row was created, updated, deleted or read
	KindTombstone               // the null value that follows a delete
	KindTruncate                // a table was emptied
	KindMessage                 // a logical message
	KindHeartbeat               // the connector is alive
	KindTransaction             // a transaction begins or ends
)

func (k Kind) String() string {
	switch k {
	case KindTombstone:
		return "tombstone"
	case KindTruncate:
		return "truncate"
	case KindMessage:
		return "message"
	case KindHeartbeat:
		return "heartbeat"
	case KindTransaction:
		return "transaction"
	default:
		return "change"
	}
}

// Envelope is one record's value. Its slices are valid as long as the value's
// bytes are, and until the next Decode.
type Envelope struct {
	// AfterOnly is set by a caller who needs the old row of a delete alone: Before
	// is nil of all else. The bytes are still checked.
	AfterOnly bool

	Kind   Kind
	Op     Op
	Source Source
	Before Row // nil when null or absent
	After  Row // nil when null or absent

	beforeMemory, afterMemory Row // used again by the next Decode
	before                    Value
	found                     field
}

// Row is the columns of one row in the order they came.
type Row []Column

// Column is a column's name and value.
type Column struct {
	Name []byte
	Value
}

// Find returns the value of a column. Absent is not null: a column can be
// excluded by the connector or dropped from the table.
func (r Row) Find(name string) (value Value, found bool) {
	for i := range r {
		if string(r[i].Name) == name {
			return r[i].Value, true
		}
	}
	return Value{}, false
}
