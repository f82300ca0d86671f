package block

// Select returns a copy of the block that has those rows only, in the order
// given. Each row must be below Rows.
func (b *Block) Select(rows []int) *Block {
	columns := make([]Column, len(b.columns))
	for i, column := range b.columns {
		columns[i] = column.pick(rows)
	}
	return New(columns...)
}

// Project returns a block of the columns with those names, in the order given,
// which share their rows with b; ok is false if one of them is missing.
func (b *Block) Project(names []string) (projected *Block, ok bool) {
	columns := make([]Column, 0, len(names)+1)
	for _, name := range names {
		for _, column := range b.columns {
			if column.Name() == name {
				columns = append(columns, column)
				break
			}
		}
	}
	return New(columns...), len(columns) == len(names)
}

func pickFrom[T any](values []T, rows []int) []T {
	picked := make([]T, len(rows))
	for i, row := range rows {
		picked[i] = values[row]
	}
	return picked
}

func (n *nulls) pickNulls(rows []int) nulls { return nulls{flags: pickFrom(n.flags, rows)} }

func (c *Fixed[T]) pick(rows []int) Column { return c.pickFixed(rows) }

func (c *Fixed[T]) pickFixed(rows []int) *Fixed[T] {
	return &Fixed[T]{name: c.name, kind: c.kind, encode: c.encode, values: pickFrom(c.values, rows)}
}

func (c *Nullable[T]) pick(rows []int) Column {
	return &Nullable[T]{values: *c.values.pickFixed(rows), nulls: c.pickNulls(rows)}
}

func (c *StringColumn) pick(rows []int) Column { return c.pickStrings(rows) }

func (c *StringColumn) pickStrings(rows []int) *StringColumn {
	picked := String(c.name)
	for _, row := range rows {
		picked.data.AppendBytes(c.data.RowBytes(row))
	}
	return picked
}

func (c *NullableStringColumn) pick(rows []int) Column {
	return &NullableStringColumn{values: *c.values.pickStrings(rows), nulls: c.pickNulls(rows)}
}

func (c *LowCardinalityColumn) pick(rows []int) Column {
	picked := LowCardinality(c.name)
	for _, row := range rows {
		picked.AppendBytes(c.index.RowBytes(int(c.keys[row])))
	}
	return picked
}

func (c *MapColumn) pick(rows []int) Column {
	picked := Map(c.name)
	for _, row := range rows {
		first := 0
		if row > 0 {
			first = int(c.ends[row-1])
		}
		for pair := first; pair < int(c.ends[row]); pair++ {
			picked.AddBytes(c.keys.RowBytes(pair), c.values.RowBytes(pair))
		}
		picked.EndRow()
	}
	return picked
}

func (c *TextArrayColumn) pick(rows []int) Column {
	picked := TextArray(c.Name())
	for _, row := range rows {
		for element := c.start(row); element < int(c.ends[row]); element++ {
			picked.elements.appendFrom(&c.elements, element)
		}
		picked.EndRow()
	}
	return picked
}

// appendFrom appends a row of another column.
func (c *NullableStringColumn) appendFrom(other *NullableStringColumn, row int) {
	c.values.data.AppendBytes(other.values.data.RowBytes(row))
	c.flags = append(c.flags, other.flags[row])
}
