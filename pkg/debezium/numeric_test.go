package debezium_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

var (
	mostInt128  = debezium.Int128{High: math.MaxInt64, Low: math.MaxUint64}
	leastInt128 = debezium.Int128{High: math.MinInt64}
)

func units(n int64) debezium.Int128 {
	return debezium.Int128{High: n >> 63, Low: uint64(n)}
}

// A numeric is read exactly at the scale asked for, or refused: never rounded,
// never through a float. What has no room becomes the largest or smallest.
func TestNumeric(t *testing.T) {
	tests := []struct {
		raw   string
		scale int
		want  any // nil: refused
	}{
		{`"99.50"`, 2, units(9950)},
		{`"99.50"`, 1, units(995)},
		{`"99.50"`, 0, nil},
		{`"99.50"`, 4, units(995000)},
		{`"-0.01"`, 2, units(-1)},
		{`"-0.01"`, 1, nil},
		{`"0.00"`, 0, units(0)},
		{`"-0"`, 3, units(0)},
		{`"007"`, 0, units(7)},
		{`"1E+3"`, 2, units(100000)},
		{`"1E3"`, 0, units(1000)},
		{`"1.5E-3"`, 4, units(15)},
		{`"1.5E-3"`, 3, nil},
		{`"0E-8"`, 8, units(0)},
		{`"0E-20"`, 2, units(0)},
		{`"1200E-2"`, 0, units(12)},
		{`"100000000000000000000"`, 0, debezium.Int128{High: 5, Low: 7766279631452241920}},
		{`"170141183460469231731687303715884105727"`, 0, mostInt128},
		{`"-170141183460469231731687303715884105728"`, 0, leastInt128},
		{`"-170141183460469231731687303715884105727"`, 0, debezium.Int128{High: math.MinInt64, Low: 1}},
		{`"170141183460469231731687303715884105728"`, 0, mostInt128},
		{`"340282366920938463463374607431768211456"`, 0, mostInt128},
		{`"1` + strings.Repeat("0", 131_071) + `"`, 0, mostInt128},
		{`"-1` + strings.Repeat("0", 500) + `.` + strings.Repeat("0", 500) + `"`, 2, leastInt128},
		{`"0.` + strings.Repeat("0", 500) + `1"`, 38, nil},
		{`"1E+140000"`, 38, mostInt128},
		{`"0E+140000"`, 38, units(0)},
		{`"1E+999999999"`, 0, nil},
		{`"1E+"`, 0, nil},
		{`"NAN"`, 2, "NaN"},
		{`"POSITIVE_INFINITY"`, 2, mostInt128},
		{`"NEGATIVE_INFINITY"`, 2, leastInt128},
		{`"Jt4="`, 2, nil},
		{`""`, 2, nil},
		{`"-"`, 2, nil},
		{`"+1"`, 2, nil},
		{`"."`, 2, nil},
		{`"1."`, 2, nil},
		{`".5"`, 2, nil},
		{`"1.2.3"`, 2, nil},
		{`"1 "`, 2, nil},
		{`99.5`, 2, nil},
		{`null`, 2, nil},
		{`true`, 2, nil},
		{`{"scale":5,"value":"AeJA"}`, 5, units(123456)},
		{`{"scale":5,"value":"AeJA"}`, 7, units(12345600)},
		{`{"scale":5,"value":"AeJA"}`, 4, nil},
		{`{ "value" : "AA==" , "scale" : 16383 }`, 0, units(0)},
		{`{"scale":-2,"value":"Bw=="}`, 0, units(700)},
		{`{"scale":-2,"value":"Bw=="}`, -2, units(7)},
		{`{"scale":20000,"value":"AA=="}`, 0, nil},
		{`{"scale":5}`, 5, nil},
		{`{"value":"AeJA"}`, 5, nil},
		{`{"scale":5,"value":"AeJA","more":1}`, 5, nil},
		{`{"scale":"5","value":"AeJA"}`, 5, nil},
		{`{"scale":5,"value":1}`, 5, nil},
		{`{"scale":5`, 5, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%.40s at %d", test.raw, test.scale), func(t *testing.T) {
			got, err := readNumeric(test.scale)(value(test.raw))
			if test.want == nil {
				require.ErrorIs(t, err, debezium.ErrValue)
				assert.Less(t, len(err.Error()), 200)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

// The bytes of decimal.handling.mode=precise are units of the declared scale; an
// object's own scale goes before it.
func TestPreciseNumeric(t *testing.T) {
	tests := []struct {
		raw  string
		want any // nil: refused
	}{
		{`"Jt4="`, units(9950)},
		{`"AA=="`, units(0)},
		{`"/w=="`, units(-1)},
		{`"AP8="`, units(255)},
		{`"gA=="`, units(-128)},
		{`"1234"`, units(-0x289208)},
		{base64Of(make([]byte, 40)), units(0)},
		{base64Of(append(make([]byte, 40), 7)), units(7)},
		{base64Of([]byte(strings.Repeat("\xff", 40))), units(-1)},
		{base64Of(append([]byte{0x7f}, strings.Repeat("\xff", 15)...)), mostInt128},
		{base64Of(append([]byte{0x80}, make([]byte, 15)...)), leastInt128},
		{base64Of(append([]byte{0, 0x80}, make([]byte, 15)...)), mostInt128},
		{base64Of(append([]byte{0xff, 0x7f}, make([]byte, 15)...)), leastInt128},
		{base64Of(append([]byte{0x7f}, make([]byte, 1000)...)), mostInt128},
		{`{"scale":3,"value":"AeJA"}`, nil},
		{`{"scale":1,"value":"AeJA"}`, units(1234560)},
		{`"99.50"`, nil},
		{`"NAN"`, nil},
		{`""`, nil},
		{`"Jt4"`, nil},
		{`9950`, nil},
		{`null`, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%.40s", test.raw), func(t *testing.T) {
			got, err := readPrecise(2)(value(test.raw))
			if test.want == nil {
				require.ErrorIs(t, err, debezium.ErrValue)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func base64Of(digits []byte) string { return `"` + base64.StdEncoding.EncodeToString(digits) + `"` }

// Both modes and the captures of both agree on what the row had.
func TestBothDecimalModesAgree(t *testing.T) {
	var text, precise debezium.Envelope
	require.NoError(t, text.Decode(records(t)["types_streamed"]))
	require.NoError(t, precise.Decode(records(t)["wrapped_types_precise"]))
	for column, scale := range map[string]int{"num": 2, "num_free": 5} {
		written, _ := text.After.Find(column)
		want, err := readNumeric(scale)(written)
		require.NoError(t, err)
		unscaled, _ := precise.After.Find(column)
		got, err := readPrecise(scale)(unscaled)
		require.NoError(t, err)
		assert.Equal(t, want, got, column)
	}
}

// Numbers of any length and scale come out as package big computes them, in every
// form that the connector writes.
func TestNumericAgreesWithPackageBig(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		digits := make([]byte, 1+random.IntN(24))
		for i := range digits {
			digits[i] = byte(random.Uint32())
		}
		number := signedOf(digits)
		scale, wanted := random.IntN(45), random.IntN(39)
		if random.IntN(2) == 0 {
			number.Mul(number, pow10(random.IntN(scale+1))) // so that some can be lowered
		}
		want, isExact := atScale(number, scale, wanted)
		bytes := base64Of(bytesOf(number))
		for _, raw := range []string{
			fmt.Sprintf(`{"scale":%d,"value":%s}`, scale, bytes),
			`"` + written(number, scale) + `"`,
			fmt.Sprintf(`"%sE-%d"`, number, scale),
		} {
			requireNumeric(t, raw, wanted, want, isExact)
		}
	}
}

func requireNumeric(t *testing.T, raw string, scale int, want debezium.Int128, isExact bool) {
	t.Helper()
	got, _, err := value(raw).Numeric(scale)
	if !isExact {
		require.ErrorIs(t, err, debezium.ErrValue, "%s at %d", raw, scale)
		return
	}
	require.NoError(t, err, "%s at %d", raw, scale)
	require.Equal(t, want, got, "%s at %d", raw, scale)
}

func pow10(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

func atScale(number *big.Int, scale, wanted int) (n debezium.Int128, isExact bool) {
	scaled, remainder := new(big.Int).QuoRem(new(big.Int).Mul(number, pow10(wanted)), pow10(scale), new(big.Int))
	return int128Of(scaled), remainder.Sign() == 0
}

func int128Of(n *big.Int) debezium.Int128 {
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	switch {
	case n.Cmp(limit) >= 0:
		return mostInt128
	case n.CmpAbs(limit) >= 0:
		return leastInt128
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
	return debezium.Int128{High: new(big.Int).Rsh(n, 64).Int64(), Low: low.Uint64()}
}

func signedOf(digits []byte) *big.Int {
	n := new(big.Int).SetBytes(digits)
	if digits[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))))
	}
	return n
}

// bytesOf is a number's shortest two's complement.
func bytesOf(n *big.Int) []byte {
	length := n.BitLen()/8 + 1
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*length)))
	}
	return n.FillBytes(make([]byte, length))
}

// written is a number as PostgreSQL writes it.
func written(n *big.Int, scale int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	if scale == 0 {
		return sign + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// Reading numbers of up to 128 bits, bytes and arrays allocates nothing.
func TestReadersAllocateNothing(t *testing.T) {
	scratch := make([]byte, 0, 64)
	elements := 0
	each := func([]byte, bool) { elements++ }
	readers := map[string]func(debezium.Value) error{
		`"-1234567890123456789012345.6789"`: func(v debezium.Value) error { _, _, err := v.Numeric(4); return err },
		`{"scale":5,"value":"AeJA"}`:        func(v debezium.Value) error { _, _, err := v.Numeric(9); return err },
		`"Jt4="`:                            func(v debezium.Value) error { _, err := v.PreciseNumeric(2); return err },
		`"3q2+7w=="`:                        func(v debezium.Value) error { _, err := v.Bytes(&scratch); return err },
		`["a",null,"c\"d"]`:                 func(v debezium.Value) error { return v.Elements(&scratch, each) },
		`-1.5E-10`:                          func(v debezium.Value) error { _, err := v.Float(64); return err },
	}
	for raw, reader := range readers {
		v := value(raw)
		require.NoError(t, reader(v), raw)
		assert.Zero(t, testing.AllocsPerRun(10, func() { _ = reader(v) }), raw)
	}
	assert.NotZero(t, elements)
}
