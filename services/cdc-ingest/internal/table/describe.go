package table

// Field is what a mapping says of one column, for what compares or checks tables.
type Field struct {
	// Source is the column in PostgreSQL, "" for one that is ClickHouse's alone.
	Source string
	// Target is the column in ClickHouse.
	Target string
	// Kind is the type that ClickHouse's column has.
	Kind string
	// Live is what a column without Source holds in a row that is there.
	Live       string
	IsKey      bool
	IsViewKey  bool
	IsNullable bool
	// IsMilli says that the mapping takes the column for one that arrives in
	// milliseconds.
	IsMilli bool
}

// Fields returns what the mapping says of its columns, in their order.
func (t Table) Fields() []Field {
	fields := make([]Field, 0, len(t.Columns))
	for _, c := range t.Columns {
		fields = append(fields, Field{
			Source: c.source, Target: c.target, Kind: newCell(c).block.Type(), Live: c.live,
			IsKey: c.role == roleKey, IsViewKey: c.role == roleViewKey, IsNullable: c.nullable, IsMilli: c.isMilli,
		})
	}
	return fields
}
