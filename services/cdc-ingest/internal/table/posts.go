package table

func posts() Table {
	return Table{
		Source: "posts",
		Target: "posts",
		Columns: []Column{
			UUID("id").Key(),
			UUID("user_id"),
			Text("caption").Nullable(),
			Text("image_key"),
			Category("status"),
			Timestamptz("soft_delete").Nullable(),
			Timestamptz("created_at"),
			Timestamptz("updated_at"),
		},
	}
}
