package verify_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

// kind is a column, with values of PostgreSQL and what cdc-ingest makes of them.
type kind struct {
	mapped                 table.Column
	name, source, stored   string // types
	sourceValue, sameValue string // SQL
	otherValue             string // SQL of ClickHouse
	shownOurs, shownTheirs string // how the difference is shown
}

func kinds() []kind {
	const micros, decimal, tags = "DateTime64(6, 'UTC')", "Nullable(Decimal(38, 2))", "Array(Nullable(String))"
	return []kind{
		{table.SmallInt("i2"), "i2", "smallint", "Int16", "-32768", "-32768", "0", "-32768", "0"},
		{table.BigInt("i8"), "i8", "bigint", "Nullable(Int64)", "9007199254740993", "9007199254740993", "9007199254740992", "9007199254740993", "9007199254740992"},
		{table.BigInt("i8n"), "i8n", "bigint", "Nullable(Int64)", "NULL", "NULL", "0", "", "0"},
		{table.Real("f4"), "f4", "real", "Float32", "1.1", "1.1", "1.2", "3f8ccccd", "3f99999a"},
		{table.Double("wide"), "wide", "real", "Float64", "1.1", "1.1", "toFloat32(1.1)", "3ff199999999999a", "3ff19999a0000000"},
		{table.Double("f8"), "f8", "double precision", "Nullable(Float64)", "15000000000", "1.5e10", "NULL", "420bf08eb0000000", ""},
		{table.Double("nan"), "nan", "double precision", "Float64", "'NaN'", "nan", "0", "NaN", "0000000000000000"},
		{table.Double("ninf"), "ninf", "double precision", "Float64", "'-Infinity'", "-inf", "inf", "fff0000000000000", "7ff0000000000000"},
		{table.Double("zero"), "zero", "double precision", "Float64", "'-0'", "0", "1", "0000000000000000", "3ff0000000000000"},
		{table.Bool("b"), "b", "boolean", "Bool", "true", "true", "false", "true", "false"},
		{table.Timestamp("ts"), "ts", "timestamp", micros, "'1969-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'", "'1970-01-01 00:00:00'", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000000"},
		{table.Timestamp("late"), "late", "timestamp", micros, "'12000-01-01'", "'2299-12-31 23:59:59.999999'", "'2299-12-31 00:00:00'", "2299-12-31 23:59:59.999999", "2299-12-31 00:00:00.000000"},
		{table.Timestamptz("tz"), "tz", "timestamptz", micros, "'2025-11-23 13:13:20.5+01'", "'2025-11-23 12:13:20.5'", "'2025-11-23 13:13:20.5'", "2025-11-23 12:13:20.500000", "2025-11-23 13:13:20.500000"},
		{table.Timestamptz("inf"), "inf", "timestamptz", "Nullable(DateTime64(6, 'UTC'))", "'infinity'", "'2299-12-31 23:59:59.999999'", "NULL", "2299-12-31 23:59:59.999999", ""},
		{table.Timestamptz("bc"), "bc", "timestamptz", micros, "'0044-03-15Z BC'", "'1900-01-01 00:00:00'", "'1900-01-01 00:00:01'", "1900-01-01 00:00:00.000000", "1900-01-01 00:00:01.000000"},
		{table.Timestamptz("ms"), "ms", "timestamptz", "DateTime64(3, 'UTC')", "'1969-12-31 23:59:59.9999Z'", "'1969-12-31 23:59:59.999'", "'1970-01-01'", "1969-12-31 23:59:59.999", "1970-01-01 00:00:00.000"},
		{table.Timestamptz("s"), "s", "timestamptz", "DateTime64(0, 'Asia/Tokyo')", "'2026-01-01Z'", "'2026-01-01 09:00:00'", "'2026-01-01 00:00:00'", "2026-01-01 00:00:00", "2025-12-31 15:00:00"},
		{table.Date("d"), "d", "date", "Date32", "'1969-07-20'", "'1969-07-20'", "'1969-07-21'", "1969-07-20", "1969-07-21"},
		{table.Date("d_inf"), "d_inf", "date", "Nullable(Date32)", "'-infinity'", "'1900-01-01'", "'1900-01-02'", "1900-01-01", "1900-01-02"},
		{table.Numeric("num", 2), "num", "numeric(10, 2)", decimal, "-99.50", "-99.5", "-99.51", "-99.50", "-99.51"},
		{table.Numeric("free", 2), "free", "numeric", decimal, "0.10000", "0.1", "0.11", "0.10", "0.11"},
		{table.Numeric("num_nan", 2), "num_nan", "numeric", decimal, "'NaN'", "NULL", "0", "", "0.00"},
		{table.Numeric("num_inf", 2), "num_inf", "numeric", decimal, "'-Infinity'", "'-999999999999999999999999999999999999.99'", "0", "-" + strings.Repeat("9", 36) + ".99", "0.00"},
		{table.JSON("j"), "j", "jsonb", "String", `'{"k":[1,"ü"]}'`, `'{"k": [1, "ü"]}'`, `'{}'`, `{"k": [1, "ü"]}`, "{}"},
		{table.TextArray("tags"), "tags", "text[]", tags, `ARRAY['a', NULL, 'c"d\\', 'NULL']`, `['a', NULL, 'c"d\\\\', 'NULL']`, `['a', NULL, 'c"d\\\\', NULL]`, `{"a",NULL,"c\"d\\\\","NULL"}`, `{"a",NULL,"c\"d\\\\",NULL}`},
		{table.TextArray("none"), "none", "text[]", tags, "NULL", "[]", "['']", "{}", `{""}`},
		{table.Category("e"), "e", "post_status", "LowCardinality(String)", "'draft'", "'draft'", "'archived'", "draft", "archived"},
		{table.Text("en"), "en", "varchar(10)", "LowCardinality(Nullable(String))", "''", "''", "NULL", "", ""},
		{table.Text("ip"), "ip", "inet", "String", "'10.0.0.1'", "'10.0.0.1'", "'10.0.0.1/32'", "10.0.0.1", "10.0.0.1/32"},
		{table.Text("padded"), "padded", "char(4)", "String", "'a'", "'a   '", "'a'", "a   ", "a"},
		{table.Bytes("bytes"), "bytes", "bytea", "String", `'\xdeadbeef'`, `unhex('deadbeef')`, "unhex('dead')", "deadbeef", "dead"},
		{table.Interval("itv"), "itv", "interval", "Int64", "'-1 year 1 month 3 days -00:00:01.5'", "-28668601500000", "0", "-28668601500000", "0"},
		{table.Time("tm"), "tm", "time", "Int64", "'23:59:59.999999'", "86399999999", "0", "86399999999", "0"},
		{table.Text("tmtz"), "tmtz", "timetz", "String", "'12:00:00+02'", "'10:00:00Z'", "'12:00:00Z'", "10:00:00Z", "12:00:00Z"},
		{table.Text("emoji"), "emoji", "text", "Nullable(String)", "'cherry 🌸'", "'cherry 🌸'", "'cherry'", "cherry 🌸", "cherry"},
	}
}

// A value of every type is the same on both sides as cdc-ingest stores it, at the
// bounds of ClickHouse's types too, and another value is not.
func TestEveryType(t *testing.T) {
	s := newSides(t)
	var sources, stored, values, sameValues, otherValues []string
	columns := []table.Column{table.UUID("id").Key()}
	want := map[string]verify.ColumnDifference{}
	for _, k := range kinds() {
		columns = append(columns, k.mapped)
		sources, values = append(sources, k.name+" "+k.source), append(values, k.sourceValue)
		stored = append(stored, k.name+" "+k.stored)
		sameValues, otherValues = append(sameValues, k.sameValue), append(otherValues, k.otherValue)
		want[k.name] = verify.ColumnDifference{Name: k.name, Source: orNull(k.shownOurs, k.sourceValue), Stored: orNull(k.shownTheirs, k.otherValue)}
	}
	nothing := ""
	want["num_nan"] = verify.ColumnDifference{Name: "num_nan", Stored: want["num_nan"].Stored}
	want["en"] = verify.ColumnDifference{Name: "en", Source: &nothing}
	const id = "aaaaaaaa-0000-4000-8000-000000000001"
	s.execute("CREATE TABLE everything (id uuid PRIMARY KEY, " + strings.Join(sources, ", ") + ")")
	s.execute("INSERT INTO everything VALUES ('" + id + "', " + strings.Join(values, ", ") + ")")
	s.clickhouse.Exec("CREATE TABLE everything (id UUID, " + strings.Join(stored, ", ") +
		", version UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id")
	insert := func(values []string, version string) {
		s.clickhouse.Exec("INSERT INTO everything SELECT '" + id + "', " + strings.Join(values, ", ") + ", " + version + ", 0")
	}
	run := func() verify.Table {
		everything := table.Table{Source: "everything", Target: "everything", Columns: columns}
		report, err := verify.Run(t.Context(), verify.Options{Tables: []table.Table{everything}, Settle: settle, Limit: 1, MaxKeys: 10}, s.deps())
		require.NoError(t, err)
		return report.Tables[0]
	}

	insert(sameValues, "8")
	found := run()
	require.Empty(t, found.Error)
	require.Empty(t, found.Examples)
	insert(otherValues, "16")
	found = run()
	require.Len(t, found.Examples, 1)
	assert.Len(t, found.Examples[0].Columns, len(want))
	for _, d := range found.Examples[0].Columns {
		assert.Equal(t, want[d.Name], d)
	}
}

func orNull(shown, value string) *string {
	if value == "NULL" && shown == "" {
		return nil
	}
	return &shown
}

// Keys that are numbers or texts are compared in one order on both sides too.
func TestKeyTypes(t *testing.T) {
	s := newSides(t)
	for _, key := range []struct{ source, stored, values string }{
		{"bigint", "Int64", "-5, -1, 0, 2, 10, 9007199254740993"},
		{"text COLLATE \"en-x-icu\"", "String", "'B', 'a', 'ä', 'a b', 'ab', '🌸', 'it''s', 'back\\slash', ''"},
	} {
		s.execute("DROP TABLE IF EXISTS keyed; CREATE TABLE keyed (k " + key.source + " PRIMARY KEY)")
		s.execute("INSERT INTO keyed SELECT unnest(ARRAY[" + key.values + "])")
		s.clickhouse.Exec("DROP TABLE IF EXISTS keyed")
		s.clickhouse.Exec("CREATE TABLE keyed (k " + key.stored + ", version UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY k")
		s.clickhouse.Exec("INSERT INTO keyed SELECT arrayJoin([" + strings.ReplaceAll(key.values, `\`, `\\`) + "]), 8, 0")
		keyed := table.Table{Source: "keyed", Target: "keyed", Columns: []table.Column{table.Text("k").Key()}}
		options := verify.Options{Tables: []table.Table{keyed}, Settle: settle, Limit: 5, MaxKeys: 100}
		report, err := verify.Run(t.Context(), options, s.deps())
		require.NoError(t, err)
		require.True(t, report.IsEqual(), "%+v", report)
		require.NotContains(t, strings.Join(s.progress, "\n"), "again", "the order is the same")
		s.execute("DELETE FROM keyed WHERE k::text IN ('it''s', 'back\\slash', '-5')")
		report, err = verify.Run(t.Context(), options, s.deps())
		require.NoError(t, err)
		s.progress = nil
		assert.False(t, report.IsEqual())
		for _, d := range report.Tables[0].Examples {
			assert.Equal(t, "only in ClickHouse", d.String())
		}
	}
}

// What cannot be compared has its reason in the report, and the others are compared
// all the same.
func TestWhatCannotBeCompared(t *testing.T) {
	s := newSides(t)
	s.execute("ALTER TABLE users DROP COLUMN bio CASCADE; DROP TABLE likes CASCADE")
	s.clickhouse.Exec("ALTER TABLE comments DROP COLUMN content")
	s.clickhouse.Exec("DROP TABLE user_relationships_current_mv, user_followers_current_mv")
	s.clickhouse.Exec("DROP TABLE user_relationships")
	report := s.verify(settle, "users", "posts", "comments", "likes", "follows")
	assert.False(t, report.IsEqual())
	var problems []string
	for _, found := range report.Tables {
		problems = append(problems, found.Error)
	}
	assert.Equal(t, []string{
		"column is missing in PostgreSQL: bio", "", "column is missing in ClickHouse: content",
		"table is missing in PostgreSQL: likes", "table is missing in ClickHouse: user_relationships",
	}, problems)

	odd := table.Table{Source: "posts", Target: "posts", Columns: []table.Column{table.UUID("id")}}
	typed, err := verify.Run(t.Context(), verify.Options{Tables: []table.Table{odd}, Settle: settle, MaxKeys: 1}, s.deps())
	require.NoError(t, err)
	assert.Equal(t, "the mapping has no key", typed.Tables[0].Error)
	s.postgres.Kill()
	_, err = verify.Run(t.Context(), verify.Options{}, s.deps())
	require.ErrorContains(t, err, "connecting to PostgreSQL: ")
}
