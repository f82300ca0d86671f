package table

func likes() Table {
	return Table{
		Source: "likes",
		Target: "likes",
		Columns: []Column{
			UUID("id").Key(),
			UUID("post_id"),
			UUID("user_id"),
			Timestamptz("created_at"),
		},
	}
}
