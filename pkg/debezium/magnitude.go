package debezium

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// magnitude is a number without its sign. isBeyond stays set once it had more
// than 128 bits.
type magnitude struct {
	high, low uint64
	isBeyond  bool
}

// mostDigits is how many decimal digits always fit into 64 bits, also as the
// exponent of ten.
const mostDigits = 19

func pow10(exponent int) uint64 {
	power := uint64(1)
	for range exponent {
		power *= 10
	}
	return power
}

// mulAdd makes it m × factor + more.
func (m *magnitude) mulAdd(factor, more uint64) {
	over, high := bits.Mul64(m.high, factor)
	carried, low := bits.Mul64(m.low, factor)
	low, carry := bits.Add64(low, more, 0)
	high, carry = bits.Add64(high, carried, carry)
	m.isBeyond = m.isBeyond || over != 0 || carry != 0
	m.high, m.low = high, low
}

func (m *magnitude) isZero() bool { return m.high == 0 && m.low == 0 }

func (m *magnitude) appendDigits(digits []byte) {
	for len(digits) > 0 && !m.isBeyond {
		count := min(len(digits), mostDigits)
		part, _ := parseUint(digits[:count])
		m.mulAdd(pow10(count), part)
		digits = digits[count:]
	}
}

// raise multiplies by 10^exponent.
func (m *magnitude) raise(exponent int) {
	for exponent > 0 && !m.isBeyond && !m.isZero() {
		step := min(exponent, mostDigits)
		m.mulAdd(pow10(step), 0)
		exponent -= step
	}
}

// lower divides by 10^exponent and tells whether nothing remains.
func (m *magnitude) lower(exponent int) (isExact bool) {
	for exponent > 0 && !m.isZero() {
		step := min(exponent, mostDigits)
		divisor := pow10(step)
		high, rest := bits.Div64(0, m.high, divisor)
		low, remainder := bits.Div64(rest, m.low, divisor)
		m.high, m.low = high, low
		if remainder != 0 {
			return false
		}
		exponent -= step
	}
	return true
}

// shifted returns it times 10^exponent, which may be negative, with a sign; ok is
// false if that is no whole number.
func (m magnitude) shifted(exponent int, isNegative bool) (n Int128, ok bool) {
	if exponent < 0 && !m.lower(-exponent) {
		return n, false
	}
	m.raise(exponent)
	return m.signed(isNegative), true
}

func (m magnitude) signed(isNegative bool) Int128 {
	switch {
	case m.isBeyond || m.high > math.MaxInt64:
		return beyond(isNegative)
	case isNegative:
		low, borrow := bits.Sub64(0, m.low, 0)
		high, _ := bits.Sub64(0, m.high, borrow)
		return Int128{High: int64(high), Low: low}
	}
	return Int128{High: int64(m.high), Low: m.low}
}

const int128Bytes = 16

// magnitudeOf reads the bytes of a number, big-endian and in two's complement;
// there is at least one. ok is false if it has more than 128 bits.
func magnitudeOf(digits []byte) (m magnitude, ok bool) {
	sign := byte(0)
	if digits[0] >= 0x80 {
		sign = 0xff
	}
	for len(digits) > int128Bytes && digits[0] == sign && (digits[1]^sign)&0x80 == 0 {
		digits = digits[1:]
	}
	if len(digits) > int128Bytes {
		return m, false
	}
	var whole [int128Bytes]byte
	for at := range int128Bytes - len(digits) {
		whole[at] = sign
	}
	copy(whole[int128Bytes-len(digits):], digits)
	m.high, m.low = binary.BigEndian.Uint64(whole[:8]), binary.BigEndian.Uint64(whole[8:])
	if sign != 0 {
		var borrow uint64
		m.low, borrow = bits.Sub64(0, m.low, 0)
		m.high, _ = bits.Sub64(0, m.high, borrow)
	}
	return m, true
}

// shiftedLarge is magnitudeOf and shifted for a number of more than 128 bits,
// which can have fewer at a smaller scale.
func shiftedLarge(digits []byte, exponent int) (n Int128, ok bool) {
	isNegative := digits[0] >= 0x80
	if exponent >= 0 {
		return beyond(isNegative), true
	}
	number := new(big.Int).SetBytes(digits)
	if isNegative {
		number.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*len(digits))), number)
	}
	divisor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-exponent)), nil)
	if _, remainder := number.QuoRem(number, divisor, new(big.Int)); remainder.Sign() != 0 {
		return n, false
	}
	m := magnitude{isBeyond: number.BitLen() > 8*int128Bytes}
	if !m.isBeyond {
		var whole [int128Bytes]byte
		number.FillBytes(whole[:])
		m.high, m.low = binary.BigEndian.Uint64(whole[:8]), binary.BigEndian.Uint64(whole[8:])
	}
	return m.signed(isNegative), true
}
