package workload

import (
	"strings"
)

// kind is a type of PostgreSQL's.
type kind int

const (
	kindUUID kind = iota
	kindText
	kindStatus
	kindBool
	kindTime
)

// column is one of PostgreSQL's.
type column struct {
	name string
	// target is its name in ClickHouse, if that differs.
	target   string
	kind     kind
	nullable bool
}

// Table is a table of PostgreSQL's whose changes are on a topic. Its first column is
// its key.
type Table struct {
	// Source is its name there, Target that in ClickHouse.
	Source, Target string
	columns        []column
	// isFull says that changes carry the old row.
	isFull bool
}

// Topic is where the table's changes are.
func (t Table) Topic() string { return "cdc." + t.Source }

// Query selects the rows that must be there, all cells as text and null for NULL.
func (t Table) Query() string {
	cells := make([]string, 0, len(t.columns))
	for _, c := range t.columns {
		name := c.name
		if c.target != "" {
			name = c.target
		}
		if c.kind == kindTime {
			name = "toUnixTimestamp64Micro(" + name + ")"
		}
		cells = append(cells, "toString("+name+")")
	}
	return "SELECT " + strings.Join(cells, ", ") + " FROM " + t.Target + " FINAL ORDER BY id FORMAT JSONCompactEachRow"
}

func (c column) null() column {
	c.nullable = true
	return c
}

func (c column) as(target string) column {
	c.target = target
	return c
}

func id(name string) column        { return column{name: name, kind: kindUUID} }
func text(name string) column      { return column{name: name, kind: kindText} }
func timestamp(name string) column { return column{name: name, kind: kindTime} }

// Tables returns the tables that are captured.
func Tables() []Table {
	created, updated := timestamp("created_at"), timestamp("updated_at")
	return []Table{
		{Source: "users", Target: "users", columns: []column{
			id("id"), text("username"), text("display_name"), text("bio").null(), text("avatar_key").null(),
			{name: "is_verified", kind: kindBool},
			created, updated,
		}},
		{Source: "posts", Target: "posts", isFull: true, columns: []column{
			id("id"), id("user_id"), text("caption").null(), text("image_key"),
			{name: "status", kind: kindStatus},
			timestamp("soft_delete").null(), created, updated,
		}},
		{Source: "comments", Target: "comments", isFull: true, columns: []column{
			id("id"), id("post_id"), id("user_id"), id("parent_comment_id").null(), text("content"),
			timestamp("soft_delete").null(), created, updated,
		}},
		{Source: "likes", Target: "likes", isFull: true, columns: []column{id("id"), id("post_id"), id("user_id"), created}},
		{Source: "follows", Target: "user_relationships", isFull: true, columns: []column{
			id("id"), id("follower_id"), id("following_id").as("followee_id"), created,
		}},
	}
}

// Views are those over follows; they hold the ids of its rows by either end.
func Views() []string { return []string{"user_relationships_current", "user_followers_current"} }

// ViewQuery selects a view's follows that hold.
func ViewQuery(view string) string {
	return "SELECT toString(id), toString(follower_id), toString(followee_id), toString(toUnixTimestamp64Micro(created_at)) FROM " + view +
		" FINAL WHERE status = 'active' ORDER BY id FORMAT JSONCompactEachRow"
}
