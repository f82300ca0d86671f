package table

// follows becomes user_relationships, whose views are keyed by who follows whom.
func follows() Table {
	return Table{
		Source: "follows",
		Target: "user_relationships",
		Views:  []string{"user_relationships_current"},
		Columns: []Column{
			UUID("id").Key(),
			UUID("follower_id").ViewKey(),
			UUID("following_id").As("followee_id").ViewKey(),
			State("status", "active", "deleted"),
			Timestamptz("created_at"),
		},
	}
}
