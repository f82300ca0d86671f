package doctor_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
)

// harm is what makes PostgreSQL ill, and what the doctor says of it.
type harm struct {
	sql       string
	level     doctor.Level
	text, fix string
	// mend undoes it where fix is not the SQL that does.
	mend string
	// alsoNoticed is how many other findings follow from it.
	alsoNoticed int
}

func identityHarms() []harm {
	return []harm{
		{
			sql: "ALTER TABLE likes REPLICA IDENTITY USING INDEX likes_user_id_post_id_key", level: doctor.Fail,
			text: "likes has REPLICA IDENTITY USING INDEX likes_user_id_post_id_key: every delete arrives with a key of zeros",
			fix:  `ALTER TABLE "likes" REPLICA IDENTITY FULL`,
		},
		{
			sql: "ALTER TABLE users REPLICA IDENTITY NOTHING", level: doctor.Fail,
			text: "users has REPLICA IDENTITY NOTHING: PostgreSQL refuses its updates and deletes", fix: `ALTER TABLE "users" REPLICA IDENTITY DEFAULT`,
		},
		{
			sql: "ALTER TABLE follows REPLICA IDENTITY DEFAULT", level: doctor.Fail,
			text: "follows has REPLICA IDENTITY DEFAULT: a delete does not say what the keys of its views need", fix: `ALTER TABLE "follows" REPLICA IDENTITY FULL`,
		},
		{
			sql: "ALTER TABLE posts REPLICA IDENTITY DEFAULT", level: doctor.Warn,
			text: "posts has REPLICA IDENTITY DEFAULT: a large value that an update leaves unchanged has to be looked up in ClickHouse",
			fix:  `ALTER TABLE "posts" REPLICA IDENTITY FULL`,
		},
	}
}

// whole publishes the mapped tables whole, and the others again.
const whole = `ALTER PUBLICATION "nova" SET TABLE "users", "posts", "comments", "likes", "follows", public.debezium_signal, public.job_definitions`

func publicationHarms() []harm {
	return []harm{
		{
			sql: "ALTER PUBLICATION nova SET (publish = 'insert, update, delete')", level: doctor.Fail,
			text: "publication nova leaves out operations: insert true, update true, delete true, truncate false",
			fix:  `ALTER PUBLICATION "nova" SET (publish = 'insert, update, delete, truncate')`,
		},
		{
			sql: "ALTER PUBLICATION nova DROP TABLE likes", level: doctor.Fail,
			text: "likes is not in publication nova", fix: `ALTER PUBLICATION "nova" ADD TABLE "likes"`,
		},
		{
			sql: "ALTER PUBLICATION nova DROP TABLE likes; ALTER PUBLICATION nova ADD TABLE likes WHERE (id <> user_id)", level: doctor.Fail,
			text: "likes has the row filter (id <> user_id) in publication nova: the other rows never arrive", fix: whole,
		},
		{
			sql: "ALTER PUBLICATION nova DROP TABLE users; ALTER PUBLICATION nova ADD TABLE users (id, username, is_verified)", level: doctor.Fail,
			text: "users has the column list (id, username, is_verified) in publication nova: after a snapshot by signal the connector takes streamed values for those of other columns",
			fix:  whole,
		},
		{
			sql: "ALTER PUBLICATION nova DROP TABLE debezium_signal", level: doctor.Warn,
			text: "signalling table public.debezium_signal is not in the publication: the connector does not see its rows",
			fix:  `ALTER PUBLICATION "nova" ADD TABLE public.debezium_signal`,
		},
		{
			sql: "DROP TABLE debezium_signal", level: doctor.Warn,
			text: "signalling table public.debezium_signal is missing: no gap can be filled by an incremental snapshot",
			fix:  `CREATE TABLE public.debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)); ALTER PUBLICATION "nova" ADD TABLE public.debezium_signal`,
		},
		{
			sql: "ALTER PUBLICATION nova RENAME TO other", level: doctor.Fail, text: "publication nova is missing",
			fix: `CREATE PUBLICATION "nova" FOR TABLE "users", "posts", "comments", "likes", "follows"`,
			// So is the signalling table then.
			mend: "ALTER PUBLICATION other RENAME TO nova", alsoNoticed: 1,
		},
	}
}

func columnHarms() []harm {
	return []harm{
		{
			sql: "ALTER TABLE comments ALTER COLUMN content DROP NOT NULL", level: doctor.Fail,
			text: "comments.content may be NULL, and ClickHouse's column may not: such a row becomes a dead letter",
			fix:  `ALTER TABLE "comments" ALTER COLUMN "content" SET NOT NULL, or make it Nullable in the mapping`,
			mend: "ALTER TABLE comments ALTER COLUMN content SET NOT NULL",
		},
		{
			sql: "ALTER TABLE posts ALTER COLUMN image_key TYPE bigint USING 0", level: doctor.Fail,
			text: "posts.image_key is bigint, which does not fit String", fix: "change the mapping and ClickHouse's column",
			mend: "ALTER TABLE posts ALTER COLUMN image_key TYPE text",
		},
		{
			sql: "ALTER TABLE posts RENAME caption TO title", level: doctor.Warn,
			text: "posts.caption is missing: it becomes NULL, or its type's default", fix: "add it again, or take it out of the mapping",
			mend: "ALTER TABLE posts RENAME title TO caption",
		},
		{
			sql: "ALTER TABLE follows RENAME following_id TO target", level: doctor.Fail,
			text: "follows.following_id is missing: every change of follows becomes a dead letter", fix: "add it again",
			mend: "ALTER TABLE follows RENAME target TO following_id",
		},
		{
			sql: "ALTER TABLE likes ALTER COLUMN created_at TYPE timestamp(3)", level: doctor.Fail,
			text: "likes.created_at is timestamp without time zone of precision 3, which arrives in another unit than its mapping reads",
			fix:  "map it by a kind in Milli if its precision is 3 or less, and by one without if not",
			mend: "ALTER TABLE likes ALTER COLUMN created_at TYPE timestamptz",
		},
		{
			sql: "ALTER TABLE likes DROP CONSTRAINT likes_pkey; ALTER TABLE likes ADD PRIMARY KEY (user_id, post_id)", level: doctor.Fail,
			text: "likes has the primary key (post_id, user_id), the mapping has id", fix: "make id the primary key",
			mend: "ALTER TABLE likes DROP CONSTRAINT likes_pkey; ALTER TABLE likes ADD PRIMARY KEY (id)",
		},
	}
}

// Each thing that is wrong in PostgreSQL is named, with the statement that mends it:
// after it, nothing is wrong any more.
func TestPostgreSQL(t *testing.T) {
	p := newPatient(t)
	for _, wrong := range slices.Concat(identityHarms(), publicationHarms(), columnHarms()) {
		p.execute(wrong.sql)
		ill := p.ill()
		require.Len(t, ill, 1+wrong.alsoNoticed, "%s: %+v", wrong.sql, ill)
		assert.Contains(t, ill, doctor.Finding{Level: wrong.level, Area: "postgresql", Text: wrong.text, Fix: wrong.fix})
		if wrong.mend == "" {
			wrong.mend = wrong.fix
		}
		p.execute(wrong.mend)
		require.Empty(t, p.ill(), wrong.mend)
	}
	p.execute("DROP TABLE likes")
	assert.Contains(t, p.ill(), doctor.Finding{Level: doctor.Fail, Area: "postgresql", Text: "table likes is missing", Fix: "create it, or take it out of the mapping"})
}

// What else a publication has is published again as it was when a column list or row
// filter goes.
func TestPublicationOfOthers(t *testing.T) {
	p := newPatient(t)
	p.execute(`CREATE SCHEMA billing; CREATE TABLE billing."Invoices" (id int PRIMARY KEY, "to" text, sum int); CREATE SCHEMA audit`)
	p.execute(`ALTER PUBLICATION nova SET TABLE users, posts, comments, likes WHERE (id <> user_id), follows, debezium_signal WHERE (id <> ''),
		billing."Invoices" WHERE (id > 1), TABLES IN SCHEMA audit`)
	const fix = `ALTER PUBLICATION "nova" SET TABLE "users", "posts", "comments", "likes", "follows", ` +
		`billing."Invoices" WHERE ((id > 1)), public.debezium_signal WHERE (((id)::text <> ''::text)), TABLES IN SCHEMA audit`
	ill := p.ill()
	require.Len(t, ill, 1)
	assert.Equal(t, fix, ill[0].Fix)
	p.execute(fix)
	assert.Empty(t, p.ill())
	p.execute(`ALTER PUBLICATION nova SET TABLE users (id), posts, comments, likes, follows, debezium_signal, billing."Invoices" ("to", id)`)
	ill = p.ill()
	require.Len(t, ill, 1)
	assert.Contains(t, ill[0].Fix, `"follows", billing."Invoices" (id, "to"), public.debezium_signal`)
	p.execute(ill[0].Fix)
	p.execute("ALTER TABLE users REPLICA IDENTITY FULL")
	assert.Empty(t, p.ill(), "FULL serves every table")
}
