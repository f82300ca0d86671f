package table

// users leaves out email and password_hash, which the connector leaves out too.
func users() Table {
	return Table{
		Source: "users",
		Target: "users",
		Columns: []Column{
			UUID("id").Key(),
			Text("username"),
			Text("display_name"),
			Text("bio").Nullable(),
			Text("avatar_key").Nullable(),
			Bool("is_verified"),
			Timestamptz("created_at"),
			Timestamptz("updated_at"),
		},
	}
}
