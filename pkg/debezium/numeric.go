package debezium

import (
	"bytes"
	"math"
	"strconv"
)

// Int128 is a whole number of 128 bits in two's complement, High × 2⁶⁴ + Low.
type Int128 struct {
	High int64
	Low  uint64
}

// What the readers return for a numeric that 128 bits do not hold, infinity
// included, by its sign. Both have more than 38 digits: mapping code saturates
// them at the bound of the column's type.
func beyond(isNegative bool) Int128 {
	if isNegative {
		return Int128{High: math.MinInt64}
	}
	return Int128{High: math.MaxInt64, Low: math.MaxUint64}
}

// The largest scale of a numeric in PostgreSQL, and the most digits it has.
const (
	maxScale  = 16_383
	maxDigits = 131_072 + maxScale
)

// Numeric reads a numeric as n units of 10^-scale, exactly: digits below that
// unit are an error, unless they are zeros. It takes text, as the connector
// writes it under decimal.handling.mode=string, and the object with a scale of
// its own, as it writes a numeric without declared scale under precise. A number
// beyond 128 bits, infinity included, is the largest or smallest Int128.
func (v Value) Numeric(scale int) (n Int128, isNaN bool, err error) {
	if len(v.Raw) > 0 && v.Raw[0] == '{' {
		n, err = v.variable(scale)
		return n, false, err
	}
	text, ok := v.quoted()
	if !ok {
		return n, false, v.Unexpected("a number as text: decimal.handling.mode must be string")
	}
	switch string(text) {
	case "NAN":
		return n, true, nil
	case "POSITIVE_INFINITY":
		return beyond(false), false, nil
	case "NEGATIVE_INFINITY":
		return beyond(true), false, nil
	}
	d, ok := splitDecimal(text)
	if !ok {
		return n, false, v.Unexpected("a number")
	}
	n, ok = d.at(scale)
	if !ok {
		return n, false, v.tooFine(scale)
	}
	return n, false, nil
}

// PreciseNumeric reads a numeric with declared scale as the connector writes it
// under decimal.handling.mode=precise: the number of units of 10^-scale, as the
// base64 of its bytes. They do not say their scale, and can look like text that
// Numeric reads: which of the two it is, only the mapping knows. The object that
// Numeric takes is taken too.
func (v Value) PreciseNumeric(scale int) (n Int128, err error) {
	if len(v.Raw) > 0 && v.Raw[0] == '{' {
		return v.variable(scale)
	}
	return v.unscaled(scale, scale)
}

// unscaled reads the base64 of a number's units of 10^-scale as those of
// 10^-wanted.
func (v Value) unscaled(scale, wanted int) (n Int128, err error) {
	var small [24]byte
	digits, ok := v.appendBase64(small[:0])
	if !ok || len(digits) == 0 {
		return n, v.Unexpected("a number's bytes in base64")
	}
	isNegative := digits[0] >= 0x80
	magnitude, ok := magnitudeOf(digits)
	if !ok {
		n, ok = shiftedLarge(digits, wanted-scale)
	} else {
		n, ok = magnitude.shifted(wanted-scale, isNegative)
	}
	if !ok {
		return n, v.tooFine(wanted)
	}
	return n, nil
}

// variable reads {"scale":5,"value":"AeJA"}.
func (v Value) variable(wanted int) (n Int128, err error) {
	s := scanner{data: v.Raw}
	scale, value := Value{}, Value{Offset: v.Offset}
	for name := range s.members {
		switch string(name) {
		case "scale":
			scale.Raw = s.value()
		case "value":
			value.Raw = s.value()
		default:
			s.fail("a member that is neither scale nor value")
		}
	}
	s.end()
	places, err := scale.Int(32)
	if err != nil || s.err != nil || places < -maxScale || places > maxScale {
		return n, v.Unexpected("a number with its scale")
	}
	return value.unscaled(int(places), wanted)
}

func (v Value) tooFine(scale int) error {
	return v.Unexpected("at most " + strconv.Itoa(scale) + " digits after the point")
}

// decimalText is a number as it is written: ± whole . fraction × 10^exponent.
type decimalText struct {
	isNegative      bool
	whole, fraction []byte
	exponent        int
}

// splitDecimal takes -?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]+)?, as Java's BigDecimal
// writes a number: 0.00000000 is 0E-8.
func splitDecimal(text []byte) (d decimalText, ok bool) {
	text, d.isNegative = bytes.CutPrefix(text, []byte{'-'})
	if at := bytes.IndexByte(text, 'E'); at >= 0 {
		exponent, err := strconv.Atoi(string(text[at+1:]))
		if err != nil || exponent < -maxDigits || exponent > maxDigits {
			return d, false
		}
		text, d.exponent = text[:at], exponent
	}
	whole, fraction, hasPoint := bytes.Cut(text, []byte{'.'})
	d.whole, d.fraction = whole, fraction
	return d, areDigits(whole) && (!hasPoint || areDigits(fraction))
}

func areDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return len(text) > 0
}

// at returns the number in units of 10^-scale; ok is false if digits below are
// not zeros.
func (d decimalText) at(scale int) (n Int128, ok bool) {
	shift := scale + d.exponent - len(d.fraction)
	if shift < 0 {
		var left int
		if d.fraction, left, ok = dropZeros(d.fraction, -shift); !ok {
			return n, false
		}
		if d.whole, _, ok = dropZeros(d.whole, left); !ok {
			return n, false
		}
	}
	var m magnitude
	m.appendDigits(d.whole)
	m.appendDigits(d.fraction)
	m.raise(max(shift, 0))
	return m.signed(d.isNegative), true
}

// dropZeros drops count digits from the end, if they are zeros. left is how many
// there are too few.
func dropZeros(digits []byte, count int) (rest []byte, left int, ok bool) {
	keep := max(0, len(digits)-count)
	for _, c := range digits[keep:] {
		if c != '0' {
			return nil, 0, false
		}
	}
	return digits[:keep], count - (len(digits) - keep), true
}
