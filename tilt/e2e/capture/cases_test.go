package capture

import "strings"

// phase is one connector and what happens while it runs.
type phase struct {
	name string
	// config replaces settings of the shipped connector.
	config map[string]string
	// before is executed while no connector runs.
	before []string
	steps  []step
}

// step is a statement and the records that follow from it, in their order.
type step struct {
	sql   string
	picks []pick
	// aside is the topic of the records when it is not the phase's own.
	aside string
}

// pick names the next record that matches.
type pick struct {
	name  string
	table string // "" of a record that is about no table
	op    string // of the envelope; "tombstone" of a null value
}

const (
	heartbeats   = "__debezium-heartbeat.nova"
	messages     = "nova.message"
	transactions = "nova.transaction"
	tombstone    = "tombstone"

	// large is a text beyond what PostgreSQL keeps in the row.
	large = "(SELECT string_agg(md5(i::text), '' ORDER BY i) FROM generate_series(1, 300) i)"
)

func phases() []phase {
	return []phase{
		{name: "plain", before: beforePlain(), steps: plainSteps()},
		{name: "wrapped", config: wrapped("precise"), steps: wrappedSteps()},
		{name: "wrapped_string", config: wrapped("string"), steps: []step{
			next("UPDATE everything SET i4 = 7, n = NULL WHERE id = 'aaaaaaaa-0000-4000-8000-000000000001'", pick{"wrapped_types", "everything", "u"}),
			next("UPDATE extremes SET n = 2 WHERE id = 2", pick{"wrapped_types_extremes", "extremes", "u"}),
		}},
		{name: "precise", config: map[string]string{"decimal.handling.mode": "precise", "provide.transaction.metadata": "true"}, steps: preciseSteps()},
	}
}

func wrapped(decimals string) map[string]string {
	return map[string]string{
		"key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true",
		"decimal.handling.mode": decimals, "provide.transaction.metadata": "true",
	}
}

func next(sql string, picks ...pick) step { return step{sql: sql, picks: picks} }

// beforePlain is what the initial snapshot finds.
func beforePlain() []string {
	return []string{
		`CREATE TABLE everything (id uuid PRIMARY KEY, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
			nan double precision, inf double precision, ninf double precision, b boolean,
			ts timestamp, ts_inf timestamp, ts_ninf timestamp, ts_12000 timestamp,
			tz timestamptz, tz_inf timestamptz, tz_ninf timestamptz, tz_bc timestamptz, tz_12000 timestamptz,
			d date, d_inf date, d_ninf date, d_12000 date, num numeric(10,2), num_nan numeric, num_free numeric,
			j jsonb, tags text[], e post_status, ip inet, bytes bytea, itv interval, tm time, tmtz timetz,
			emoji text, ctrl text, vc varchar(10), n int)`,
		`CREATE TABLE extremes (id bigint PRIMARY KEY, n int, i8_max bigint, i8_min bigint, num_inf numeric, num_ninf numeric,
			num_big numeric, num_small numeric(38,20), num_negative numeric(10,2), num_zero numeric(10,2), f_small double precision, f_big double precision,
			ints int[], bigints bigint[], ids uuid[], states post_status[], flags boolean[], times timestamptz[], nums numeric(10,2)[], none text[],
			j json, empty text, ch char(4), c "char", ip cidr, mac macaddr, bits bit(3), flag bit(1), money numeric(19,4),
			itv interval, tm_end time, d_bc date, ts_bc timestamp, ts0 timestamp(0), ts3 timestamp(3), tz3 timestamptz(3), x xml)`,
		`ALTER PUBLICATION nova ADD TABLE everything, extremes`,
		insertEverything("aaaaaaaa-0000-4000-8000-000000000000", ``),
		insertExtremes(1),
		`INSERT INTO users (id, username, email, password_hash, bio) VALUES ('11111111-0000-4000-8000-000000000001', 'snap_user', 'a@x', 'secret', 'bbbbbbbbbb')`,
		`INSERT INTO users (id, username, email, password_hash) VALUES ('11111111-0000-4000-8000-000000000002', 'other', 'b@x', 'secret')`,
	}
}

func insertEverything(id, control string) string {
	return strings.NewReplacer("{id}", id, "{control}", control).Replace(`INSERT INTO everything VALUES ('{id}', -32768, 2147483647, 9007199254740993, 1.1, 15000000000,
		'NaN', 'Infinity', '-Infinity', false, '2025-11-23 12:13:20.123456', 'infinity', '-infinity', '12000-01-01',
		'2025-11-23 12:13:20.123456Z', 'infinity', '-infinity', '0044-03-15 00:00:00Z BC', '12000-01-01 00:00:00Z',
		'1969-07-20', 'infinity', '-infinity', '12000-01-01', 99.50, 'NaN', 1.23456,
		'{"k":[1,"ü"]}', ARRAY['a', NULL, 'c"d'], 'draft', '10.0.0.1', '\xdeadbeef', '1 hour', '12:00', '12:00+02',
		'cherry 🌸 Kirschblüte', E'tab\tnl\nq"b\\ \u2028{control}', 'vc', NULL)`)
}

func insertExtremes(id int) string {
	return strings.ReplaceAll(`INSERT INTO extremes VALUES ({id}, 1, 9223372036854775807, -9223372036854775808, 'Infinity', '-Infinity',
		123456789012345678901234567890.123456789, 0.00000000000000000001, -99.50, 0, 4.9e-324, 1.7976931348623157e308,
		'{1,NULL,-2147483648}', '{9007199254740993,NULL}', '{aaaaaaaa-0000-4000-8000-000000000000,NULL}', '{draft,published}', '{t,f,NULL}',
		'{2025-11-23 12:13:20.123456Z,infinity,NULL}', '{1.50,NaN,NULL}', '{}',
		'{"a":  1, "a": 2}', '', 'ab', 'x', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'1', 922337203685477.5807,
		'-1 year 2 days 03:04:05.000006', '24:00', '0044-03-15 BC', '0044-03-15 00:00:00 BC', '2025-11-23 12:13:20', '2025-11-23 12:13:20.123', '2025-11-23 12:13:20.123Z',
		'<a>🌸</a>')`, "{id}", string(rune('0'+id)))
}

func plainSteps() []step {
	return append(snapshotSteps(), append(streamSteps(), identitySteps()...)...)
}

func snapshotSteps() []step {
	signal := func(id, kind string) string {
		return `INSERT INTO debezium_signal VALUES ('` + id + `', 'execute-snapshot', '{"data-collections": ["public.users", "public.everything"], "type": "` + kind + `"}')`
	}
	return []step{
		next("", pick{"snapshot_initial", "users", "r"}),
		next("", pick{"types_snapshot", "everything", "r"}),
		next("", pick{"types_extremes_snapshot", "extremes", "r"}),
		next(signal("incremental", "incremental"), pick{"snapshot_incremental", "users", "r"}, pick{"types_incremental", "everything", "r"}),
		next(signal("blocking", "blocking"), pick{"snapshot_blocking", "users", "r"}, pick{"types_blocking", "everything", "r"}),
	}
}

func streamSteps() []step {
	const user, post, aiko = "11111111-0000-4000-8000-000000000001", "33333333-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000001"
	return []step{
		next(insertEverything("aaaaaaaa-0000-4000-8000-000000000001", `\x01`), pick{"types_streamed", "everything", "c"}),
		next(insertExtremes(2), pick{"types_extremes_streamed", "extremes", "c"}),
		next(`INSERT INTO users (id, username, email, password_hash) VALUES ('` + aiko + `', 'aiko', 'c@x', 'secret'), ('22222222-0000-4000-8000-000000000003', 'third', 'd@x', 'secret')`),
		next(`UPDATE users SET bio = `+large+` WHERE id = '`+aiko+`'`, pick{"update_large", "users", "u"}),
		next(`UPDATE users SET display_name = 'Aiko', avatar_key = 'av/1' WHERE id = '`+aiko+`'`, pick{"update_unchanged_toast", "users", "u"}),
		next(`DELETE FROM users WHERE id = '11111111-0000-4000-8000-000000000002'`, pick{"delete_user", "users", "d"}, pick{"delete_user_tombstone", "", tombstone}),
		next(`INSERT INTO users (id, username, email, password_hash) VALUES ('11111111-0000-4000-8000-000000000002', 'other', 'b@x', 'secret')`),
		next(`INSERT INTO posts (id, user_id, caption, image_key) VALUES ('`+post+`', '`+user+`', 'Kirschblüte 🌸', 'img/1.jpg')`, pick{"create", "posts", "c"}),
		next(`UPDATE posts SET status = 'archived', soft_delete = 'infinity' WHERE id = '`+post+`'`, pick{"update_full", "posts", "u"}),
		next(`INSERT INTO posts (id, user_id, caption, image_key) VALUES ('33333333-0000-4000-8000-000000000002', '` + user + `', ` + large + `, 'img/2.jpg')`),
		next(`UPDATE posts SET status = 'archived' WHERE id = '33333333-0000-4000-8000-000000000002'`, pick{"update_full_large", "posts", "u"}),
		next(`DELETE FROM posts WHERE id = '33333333-0000-4000-8000-000000000002'`, pick{"delete_full", "posts", "d"}),
		next(`INSERT INTO posts (id, user_id, caption, image_key) VALUES ('33333333-0000-4000-8000-000000000003', '`+user+`', repeat('0123456789abcdef', 65536), 'img/3.jpg')`, pick{"large_text", "posts", "c"}),
		next(`INSERT INTO comments (id, post_id, user_id, content) VALUES ('44444444-0000-4000-8000-000000000001', '`+post+`', '11111111-0000-4000-8000-000000000002', E'nice\n"post"\\')`, pick{"comment_escapes", "comments", "c"}),
		next(`INSERT INTO likes (post_id, user_id) VALUES ('` + post + `', '` + user + `')`),
		next(`TRUNCATE likes`, pick{"truncate", "likes", "t"}),
		{sql: `SELECT pg_logical_emit_message(true, 'nova.note', 'hello')`, aside: messages, picks: []pick{{name: "message", op: "m"}}},
		{aside: heartbeats, picks: []pick{{name: "heartbeat"}}},
	}
}

// identitySteps change keys under each replica identity.
func identitySteps() []step {
	const follow = "66666666-0000-4000-8000-0000000000"
	insert := func(id, from, to, at string) step {
		return next(`INSERT INTO follows (id, follower_id, following_id, created_at) VALUES ('` + follow + id + `', '11111111-0000-4000-8000-00000000000` + from + `', '` + to + `', ` + at + `)`)
	}
	const one, two, third = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002", "22222222-0000-4000-8000-000000000003"
	return []step{
		insert("01", "1", two, "now()"),
		next(`UPDATE follows SET following_id = '`+third+`' WHERE id = '`+follow+`01'`, pick{"view_key_change", "follows", "u"}),
		next(`UPDATE follows SET id = '`+follow+`0a' WHERE id = '`+follow+`01'`,
			pick{"key_change_delete", "follows", "d"}, pick{"key_change_tombstone", "", tombstone}, pick{"key_change_create", "follows", "c"}),
		insert("02", "2", one, "'2026-01-01Z'"),
		next(`ALTER TABLE follows REPLICA IDENTITY DEFAULT`),
		insert("d1", "1", two, "now()"),
		next(`UPDATE follows SET created_at = '2026-02-02Z' WHERE id = '`+follow+`d1'`, pick{"update_default_identity", "follows", "u"}),
		next(`UPDATE follows SET following_id = '22222222-0000-4000-8000-000000000001' WHERE id = '`+follow+`d1'`, pick{"view_key_change_default_identity", "follows", "u"}),
		next(`DELETE FROM follows WHERE id = '`+follow+`d1'`, pick{"delete_default_identity", "follows", "d"}),
		insert("d2", "1", two, "now()"),
		next(`UPDATE follows SET id = '`+follow+`d3' WHERE id = '`+follow+`d2'`,
			pick{"key_change_default_delete", "follows", "d"}, pick{"key_change_default_create", "follows", "c"}),
		next(`ALTER TABLE follows REPLICA IDENTITY USING INDEX follows_follower_id_following_id_key`),
		next(`UPDATE follows SET created_at = '2026-03-03Z' WHERE id = '`+follow+`d3'`, pick{"update_index_identity", "follows", "u"}),
		next(`DELETE FROM follows WHERE id = '`+follow+`d3'`, pick{"delete_index_identity", "follows", "d"}),
		next(`ALTER TABLE follows REPLICA IDENTITY FULL`),
	}
}

func wrappedSteps() []step {
	return []step{
		next("", pick{"wrapped_snapshot", "users", "r"}),
		next(`UPDATE users SET display_name = 'W' WHERE id = '22222222-0000-4000-8000-000000000003'`, pick{"wrapped_update", "users", "u"}),
		next(`INSERT INTO users (id, username, email, password_hash) VALUES ('22222222-0000-4000-8000-000000000004', 'fourth', 'e@x', 'secret')`, pick{"wrapped_create", "users", "c"}),
		next(`DELETE FROM follows WHERE id = '66666666-0000-4000-8000-000000000002'`, pick{"wrapped_delete", "follows", "d"}),
		next(`UPDATE everything SET i4 = 2147483647, n = 7 WHERE id = 'aaaaaaaa-0000-4000-8000-000000000001'`, pick{"wrapped_types_precise", "everything", "u"}),
		next(`UPDATE extremes SET n = 3 WHERE id = 2`, pick{"wrapped_types_extremes_precise", "extremes", "u"}),
		next(`TRUNCATE likes`, pick{"wrapped_truncate", "likes", "t"}),
		{sql: `SELECT pg_logical_emit_message(true, 'nova.note', 'hello')`, aside: messages, picks: []pick{{name: "wrapped_message", op: "m"}}},
		{aside: heartbeats, picks: []pick{{name: "wrapped_heartbeat"}}},
		{aside: transactions, sql: `DELETE FROM follows WHERE id = '66666666-0000-4000-8000-00000000000a'`, picks: []pick{{name: "wrapped_transaction_begin", op: "BEGIN"}, {name: "wrapped_transaction_end", op: "END"}}},
	}
}

func preciseSteps() []step {
	return []step{
		next("UPDATE everything SET i4 = 5, n = NULL WHERE id = 'aaaaaaaa-0000-4000-8000-000000000001'", pick{"types_precise", "everything", "u"}),
		next("UPDATE extremes SET n = 4 WHERE id = 2", pick{"types_extremes_precise", "extremes", "u"}),
		{aside: transactions, sql: "UPDATE extremes SET n = 5 WHERE id = 2", picks: []pick{{name: "transaction_begin", op: "BEGIN"}, {name: "transaction_end", op: "END"}}},
	}
}
