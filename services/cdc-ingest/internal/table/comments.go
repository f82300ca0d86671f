package table

func comments() Table {
	return Table{
		Source: "comments",
		Target: "comments",
		Columns: []Column{
			UUID("id").Key(),
			UUID("post_id"),
			UUID("user_id"),
			UUID("parent_comment_id").Nullable(),
			Text("content"),
			Timestamptz("soft_delete").Nullable(),
			Timestamptz("created_at"),
			Timestamptz("updated_at"),
		},
	}
}
