package debezium

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// plainEnd is where, from at on, the first quote, backslash or control character
// is. It takes eight bytes at a time: (x-1)&^x has its top bit set if a byte x is
// 0, and (x-' ')&^x if it is below ' '. A borrow disturbs only bytes above the
// first hit.
func plainEnd(data []byte, at int) int {
	const (
		each = 0x0101010101010101
		top  = 0x80 * each
	)
	for ; len(data)-at >= 8; at += 8 {
		word := binary.LittleEndian.Uint64(data[at:])
		quote, backslash := word^('"'*each), word^('\\'*each)
		found := ((quote-each)&^quote | (backslash-each)&^backslash | (word-' '*each)&^word) & top
		if found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	for at < len(data) && data[at] >= ' ' && data[at] != '"' && data[at] != '\\' {
		at++
	}
	return at
}

// escapeLength is the length of the escape sequence at the start of b, or 0.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// appendUnescaped appends the text of raw, the inside of a JSON string whose
// escapes are well formed. detail says what is wrong, "" when nothing is:
// a lone surrogate has no UTF-8 form.
func appendUnescaped(dst, raw []byte) (text []byte, detail string) {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			dst = append(dst, unescapedByte(raw[i]))
			continue
		}
		r, _ := hex4(raw[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			low := lowSurrogate(raw[i+1:])
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return dst, "lone surrogate"
			}
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, ""
}

// unescapedByte is what the escape \c stands for, c being none but u.
func unescapedByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// lowSurrogate is the \uXXXX at the start of b, 0 if there is none.
func lowSurrogate(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	r, _ := hex4(b[2:])
	return r
}

// hex4 reads the first four bytes of b as a hexadecimal number.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func hexDigit(c byte) (digit byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
