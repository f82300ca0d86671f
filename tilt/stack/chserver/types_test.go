package chserver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// typeCase is values of one type, in Go and in SQL.
type typeCase struct {
	name     string
	literals string
	input    func() proto.ColInput
	// check reads the values that column holds after a SELECT.
	result func() (column proto.ColResult, check func(t *testing.T))
}

// values makes a case of a type that ch-go has a column for. Literals are the
// same values in SQL.
func values[T any](name string, column func() proto.ColumnOf[T], literals string, want ...T) typeCase {
	return typeCase{
		name:     name,
		literals: literals,
		input: func() proto.ColInput {
			c := column()
			c.AppendArr(want)
			return c
		},
		result: func() (proto.ColResult, func(t *testing.T)) {
			c := column()
			return c, func(t *testing.T) {
				t.Helper()
				require.Equal(t, len(want), c.Rows())
				for i := range want {
					require.Equal(t, plain(want[i]), plain(c.Row(i)))
				}
			}
		},
	}
}

// plain takes away what is no part of a value: the location of a time, and what
// lies under a NULL.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC()
	case proto.Nullable[time.Time]:
		return proto.Nullable[time.Time]{Set: v.Set, Value: v.Or(time.Time{}).UTC()}
	}
	return value
}

// typed gives a column the full name of its type where ch-go leaves out its
// arguments, which a server wants to know.
func typed(c typeCase) typeCase {
	input := c.input
	c.input = func() proto.ColInput { return proto.Alias(input().(proto.Column), proto.ColumnType(c.name)) }
	return c
}

// of returns a constructor of a column type whose zero value is ready.
func of[T, C any, P interface {
	*C
	proto.ColumnOf[T]
}]() func() proto.ColumnOf[T] {
	return func() proto.ColumnOf[T] { return P(new(C)) }
}

func nullable[T any](column func() proto.ColumnOf[T]) func() proto.ColumnOf[proto.Nullable[T]] {
	return func() proto.ColumnOf[proto.Nullable[T]] { return proto.NewColNullable(column()) }
}

func array[T any](column func() proto.ColumnOf[T]) func() proto.ColumnOf[[]T] {
	return func() proto.ColumnOf[[]T] { return proto.NewArray(column()) }
}

func lowCardinality[T comparable](column func() proto.ColumnOf[T]) func() proto.ColumnOf[T] {
	return func() proto.ColumnOf[T] { return proto.NewLowCardinality(column()) }
}

func dateTime64(precision proto.Precision) func() proto.ColumnOf[time.Time] {
	return func() proto.ColumnOf[time.Time] {
		return new(proto.ColDateTime64).WithPrecision(precision).WithLocation(time.UTC)
	}
}

func dateTime() proto.ColumnOf[time.Time] { return &proto.ColDateTime{Location: time.UTC} }

var (
	str = of[string, proto.ColStr]()
	one = uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0")
	at  = time.Date(2026, 11, 23, 21, 22, 23, 0, time.UTC)
)

func numberCases() []typeCase {
	return []typeCase{
		values("Int8", of[int8, proto.ColInt8](), "(-128), (127)", -128, 127),
		values("Int16", of[int16, proto.ColInt16](), "(-32768), (32767)", -32768, 32767),
		values("Int32", of[int32, proto.ColInt32](), "(-2147483648), (2147483647)", -2147483648, 2147483647),
		values("Int64", of[int64, proto.ColInt64](), "(-9223372036854775808), (9223372036854775807)", -1<<63, 1<<63-1),
		values("Int128", of[proto.Int128, proto.ColInt128](), "(-1), ('18446744073709551616')",
			proto.Int128FromInt(-1), proto.Int128{High: 1}),
		values("Int256", of[proto.Int256, proto.ColInt256](), "(-1), (7)", proto.Int256FromInt(-1), proto.Int256FromInt(7)),
		values("UInt8", of[uint8, proto.ColUInt8](), "(0), (255)", 0, 255),
		values("UInt16", of[uint16, proto.ColUInt16](), "(0), (65535)", 0, 65535),
		values("UInt32", of[uint32, proto.ColUInt32](), "(0), (4294967295)", 0, 4294967295),
		values("UInt64", of[uint64, proto.ColUInt64](), "(0), (18446744073709551615)", 0, 1<<64-1),
		values("UInt128", of[proto.UInt128, proto.ColUInt128](), "('18446744073709551617')", proto.UInt128{Low: 1, High: 1}),
		values("UInt256", of[proto.UInt256, proto.ColUInt256](), "(9)", proto.UInt256FromInt(9)),
		values("Float32", of[float32, proto.ColFloat32](), "(0.5), (-1e30)", 0.5, -1e30),
		values("Float64", of[float64, proto.ColFloat64](), "(0.1), (-1e300), (inf)", 0.1, -1e300, inf()),
		values("Bool", of[bool, proto.ColBool](), "(true), (false)", true, false),
		typed(values("Decimal(9, 2)", of[proto.Decimal32, proto.ColDecimal32](), "(-1.25), (1234567.89)", -125, 123456789)),
		typed(values("Decimal(18, 4)", of[proto.Decimal64, proto.ColDecimal64](), "(-0.0001)", -1)),
		typed(values("Decimal(38, 10)", of[proto.Decimal128, proto.ColDecimal128](), "(1)", proto.Decimal128{Low: 10_000_000_000})),
		typed(values("Decimal(76, 0)", of[proto.Decimal256, proto.ColDecimal256](), "(5)", proto.Decimal256(proto.Int256FromInt(5)))),
		values("Nullable(UInt64)", nullable(of[uint64, proto.ColUInt64]()), "(NULL), (7)", proto.Null[uint64](), proto.NewNullable[uint64](7)),
		values("Nullable(Float64)", nullable(of[float64, proto.ColFloat64]()), "(NULL), (0.25)", proto.Null[float64](), proto.NewNullable(0.25)),
		values("Nullable(Bool)", nullable(of[bool, proto.ColBool]()), "(NULL), (true)", proto.Null[bool](), proto.NewNullable(true)),
		typed(values("Nullable(Decimal(18, 4))", nullable(of[proto.Decimal64, proto.ColDecimal64]()), "(NULL), (2)",
			proto.Null[proto.Decimal64](), proto.NewNullable[proto.Decimal64](20000))),
	}
}

func inf() float64 {
	var zero float64
	return 1 / zero
}

func timeCases() []typeCase {
	date := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	early := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	milli, micro := at.Add(456*time.Millisecond), at.Add(456789*time.Microsecond)
	return []typeCase{
		values("Date", of[time.Time, proto.ColDate](), "('2026-11-23')", date),
		values("Date32", of[time.Time, proto.ColDate32](), "('2026-11-23'), ('1900-01-01')", date, early),
		values("DateTime", dateTime, "('2026-11-23 21:22:23')", at),
		values("DateTime('UTC')", dateTime, "('2026-11-23 21:22:23')", at),
		values("DateTime64(3)", dateTime64(3), "('2026-11-23 21:22:23.456'), ('1900-01-01 00:00:00')", milli, early),
		values("DateTime64(6, 'UTC')", dateTime64(6), "('2026-11-23 21:22:23.456789')", micro),
		values("Nullable(DateTime64(3))", nullable(dateTime64(3)), "(NULL), ('2026-11-23 21:22:23.456')", proto.Null[time.Time](), proto.NewNullable(milli)),
		values("Nullable(DateTime64(6))", nullable(dateTime64(6)), "(NULL), ('2026-11-23 21:22:23.456789')", proto.Null[time.Time](), proto.NewNullable(micro)),
		values("Nullable(DateTime)", nullable(dateTime), "(NULL), ('2026-11-23 21:22:23')", proto.Null[time.Time](), proto.NewNullable(at)),
		values("Nullable(Date)", nullable(of[time.Time, proto.ColDate]()), "(NULL), ('2026-11-23')", proto.Null[time.Time](), proto.NewNullable(date)),
		values("Nullable(Date32)", nullable(of[time.Time, proto.ColDate32]()), "(NULL), ('1900-01-01')", proto.Null[time.Time](), proto.NewNullable(early)),
		values("Array(DateTime64(3))", array(dateTime64(3)), "([]), (['2026-11-23 21:22:23.456'])", []time.Time(nil), []time.Time{milli}),
	}
}

func textCases() []typeCase {
	long := strings.Repeat("ä", 100_000)
	return []typeCase{
		values("String", str, `(''), ('it\'s'), ('\0\xff'), (repeat('ä', 100000))`, "", "it's", "\x00\xff", long),
		values("FixedString(16)", of[[16]byte, proto.ColFixedStr16](), "('0123456789abcdef')", [16]byte([]byte("0123456789abcdef"))),
		values("UUID", of[uuid.UUID, proto.ColUUID](), "('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), ('00000000-0000-0000-0000-000000000000')", one, uuid.Nil),
		values("IPv4", of[proto.IPv4, proto.ColIPv4](), "('127.0.0.1')", proto.ToIPv4(netip.MustParseAddr("127.0.0.1"))),
		values("IPv6", of[proto.IPv6, proto.ColIPv6](), "('2001:db8::1')", proto.ToIPv6(netip.MustParseAddr("2001:db8::1"))),
		values("Nullable(String)", nullable(str), "(NULL), (''), ('x')", proto.Null[string](), proto.NewNullable(""), proto.NewNullable("x")),
		values("Nullable(UUID)", nullable(of[uuid.UUID, proto.ColUUID]()), "(NULL), ('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
			proto.Null[uuid.UUID](), proto.NewNullable(one)),
		values("LowCardinality(String)", lowCardinality(str), "('a'), (''), ('b'), ('a')", "a", "", "b", "a"),
		values("LowCardinality(FixedString(16))", lowCardinality(of[[16]byte, proto.ColFixedStr16]()), "('0123456789abcdef')",
			[16]byte([]byte("0123456789abcdef"))),
		values("Array(String)", array(str), "([]), (['a', '']), (['b'])", []string(nil), []string{"a", ""}, []string{"b"}),
		values("Array(Nullable(String))", array(nullable(str)), "([NULL, 'a'])", []proto.Nullable[string]{proto.Null[string](), proto.NewNullable("a")}),
		values("Array(Array(UInt8))", array(array(of[uint8, proto.ColUInt8]())), "([[1], [], [2, 3]])", [][]uint8{{1}, nil, {2, 3}}),
		values("Array(LowCardinality(String))", array(lowCardinality(str)), "([]), (['x', 'y', 'x'])", []string(nil), []string{"x", "y", "x"}),
		values("Array(UUID)", array(of[uuid.UUID, proto.ColUUID]()), "(['61f0c404-5cb3-11e7-907b-a6006ad3dba0'])", []uuid.UUID{one}),
		values("Map(String, String)", mapOf(str, str), "({}), ({'k': 'v'})", map[string]string{}, map[string]string{"k": "v"}),
		values("Map(LowCardinality(String), UInt64)", mapOf(lowCardinality(str), of[uint64, proto.ColUInt64]()), "({'k': 7})",
			map[string]uint64{"k": 7}),
		enumCase("Enum8('active' = 1, 'not (active)' = -2)", "('active'), ('not (active)')", "active", "not (active)"),
		enumCase("Enum16('a' = 1000, 'b' = -1000)", "('a'), ('b')", "a", "b"),
		values("String DEFAULT 'json'", str, `('{"a": [1, null], "b": "\\n"}')`, `{"a": [1, null], "b": "\n"}`),
	}
}

func mapOf[K comparable, V any](key func() proto.ColumnOf[K], value func() proto.ColumnOf[V]) func() proto.ColumnOf[map[K]V] {
	return func() proto.ColumnOf[map[K]V] { return proto.NewMap(key(), value()) }
}

func enumCase(name, literals string, want ...string) typeCase {
	return values(name, func() proto.ColumnOf[string] { return new(proto.ColEnum) }, literals, want...)
}

// Every type has exact values in both directions: what a client sends is what
// the same values in SQL are, and it comes back as it was sent.
func TestTypes(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	for i, test := range append(append(numberCases(), timeCases()...), textCases()...) {
		t.Run(test.name, func(t *testing.T) {
			sent, written := fmt.Sprintf("sent_%d", i), fmt.Sprintf("written_%d", i)
			for _, table := range []string{sent, written} {
				execute(t, client, "CREATE TABLE "+table+" (v "+test.name+") ENGINE = MergeTree ORDER BY tuple()")
			}
			execute(t, client, "INSERT INTO "+written+" VALUES "+test.literals)
			input := proto.Input{{Name: "v", Data: test.input()}}
			require.NoError(t, client.Do(deadline(t), ch.Query{Body: input.Into(sent), Input: input}))
			require.Equal(t, server.Query("SELECT v FROM "+written), server.Query("SELECT v FROM "+sent))
			for _, table := range []string{sent, written} {
				column, check := test.result()
				require.NoError(t, client.Do(deadline(t), ch.Query{
					Body: "SELECT v FROM " + table, Result: proto.Results{{Name: "v", Data: column}},
				}))
				check(t)
			}
		})
	}
}

// nullableDictionary is LowCardinality(Nullable(String)), for which ch-go has
// no column: key 0 of its dictionary is NULL.
type nullableDictionary struct{ proto.ColLowCardinalityRaw }

func (nullableDictionary) Type() proto.ColumnType { return "LowCardinality(Nullable(String))" }

// A dictionary marks NULL by its first key, in both directions.
func TestNullableDictionary(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY tuple()")
	keys := new(proto.ColStr)
	keys.AppendArr([]string{"", "", "x"}) // NULL, the default, a value
	sent := &nullableDictionary{proto.ColLowCardinalityRaw{Index: keys, Key: proto.KeyUInt8, Keys8: []uint8{0, 2, 1, 2}}}
	input := proto.Input{{Name: "v", Data: sent}}
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: input.Into("t"), Input: input}))
	require.Equal(t, "\\N\nx\n\nx", server.Query("SELECT v FROM t"))

	got := &nullableDictionary{proto.ColLowCardinalityRaw{Index: new(proto.ColStr)}}
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: "SELECT v FROM t", Result: proto.Results{{Name: "v", Data: got}}}))
	require.Equal(t, 4, got.Rows())
	require.Zero(t, got.Keys8[0])
	require.NotZero(t, got.Keys8[2])
	require.Equal(t, got.Keys8[1], got.Keys8[3])
	require.Equal(t, "x", got.Index.(*proto.ColStr).Row(int(got.Keys8[1])))
}

// Tuples, NULL alone and what ClickHouse computes come back, too.
func TestResultTypes(t *testing.T) {
	client := dial(t, chtest.Start(t))
	numbers, texts := new(proto.ColUInt8), new(proto.ColStr)
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body:   "SELECT (toUInt8(1), 'x') AS v",
		Result: proto.Results{{Name: "v", Data: proto.ColTuple{numbers, texts}}},
	}))
	require.Equal(t, uint8(1), numbers.Row(0))
	require.Equal(t, "x", texts.Row(0))
	require.False(t, selectOne(t, client, proto.NewColNullable(new(proto.ColNothing)), "SELECT NULL AS v").Set)
	require.Equal(t, proto.Point{X: 1, Y: 2}, selectOne(t, client, new(proto.ColPoint), "SELECT (1., 2.)::Point AS v"))

	err := client.Do(deadline(t), ch.Query{Body: `SELECT '{"a": 1}'::JSON AS v`, Result: proto.Results{{Name: "v", Data: new(proto.ColJSONStr)}}})
	requireException(t, err, proto.ErrNotImplemented)
}
