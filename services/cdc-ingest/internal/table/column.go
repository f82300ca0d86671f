package table

// Column maps one column. Its type is the one that PostgreSQL declares: without
// the schema wrapper a record does not say.
type Column struct {
	source   string // in PostgreSQL; "" of a column that is ClickHouse's alone
	target   string // in ClickHouse
	role     role
	nullable bool
	build    builder
}

// role is what a column is for.
type role byte

const (
	roleValue   role = iota
	roleState        // says whether the row is deleted
	roleViewKey      // in a view's key: a tombstone needs it
	roleKey
)

func column(name string, build builder) Column {
	return Column{source: name, target: name, build: build}
}

// UUID is a uuid column: UUID in ClickHouse.
func UUID(name string) Column { return column(name, buildUUID) }

// Text is a text column, or any other that arrives as a string: String.
func Text(name string) Column { return column(name, buildText) }

// Category is a text or enum column of few values: LowCardinality(String).
func Category(name string) Column { return column(name, buildCategory) }

// Bool is a boolean column: Bool.
func Bool(name string) Column { return column(name, buildBool) }

// Timestamptz is a timestamptz column: DateTime64(6, 'UTC').
func Timestamptz(name string) Column { return column(name, buildTimestamptz) }

// State is a column of ClickHouse's alone, LowCardinality(String), that says
// live of a row which is there and deleted of a tombstone.
func State(target, live, deleted string) Column {
	return Column{target: target, role: roleState, build: buildState(live, deleted)}
}

// Nullable lets the column be NULL, which every column does that may be NULL in
// PostgreSQL. A Category cannot.
func (c Column) Nullable() Column {
	c.nullable = true
	return c
}

// As gives the column another name in ClickHouse.
func (c Column) As(target string) Column {
	c.target = target
	return c
}

// Key says that the column is the primary key.
func (c Column) Key() Column {
	c.role = roleKey
	return c
}

// ViewKey says that the key of a view holds the column.
func (c Column) ViewKey() Column {
	c.role = roleViewKey
	return c
}
