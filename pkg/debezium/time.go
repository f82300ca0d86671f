package debezium

import (
	"bytes"
	"math"
)

// PostgreSQL's infinite dates and times, as the time readers return them.
// Mapping code saturates them at the bound of the column's type.
const (
	InfiniteMicros         = math.MaxInt64
	NegativeInfiniteMicros = math.MinInt64
	InfiniteDays           = math.MaxInt32
	NegativeInfiniteDays   = math.MinInt32
)

const (
	microsPerMilli  = 1_000
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// Timestamptz reads a timestamptz, an ISO 8601 string, as microseconds since
// 1970. Years have four digits or more, with a sign before 0 (which is 1 BC)
// and after 9999; digits beyond microseconds are cut off.
func (v Value) Timestamptz() (micros int64, err error) {
	text, ok := v.quoted()
	switch {
	case !ok:
		return 0, v.Unexpected("a timestamp")
	case string(text) == "infinity":
		return InfiniteMicros, nil
	case string(text) == "-infinity":
		return NegativeInfiniteMicros, nil
	}
	if micros, ok = usualTimestamp(text); ok {
		return micros, nil
	}
	p := timeParser{rest: text}
	micros = p.timestamp()
	if p.bad || len(p.rest) > 0 {
		return 0, v.Unexpected("a timestamp")
	}
	return micros, nil
}

// usualTimestamp reads 2006-01-02T15:04:05.000000Z, as the connector writes every
// timestamp of the years 0 to 9999.
func usualTimestamp(text []byte) (micros int64, ok bool) {
	if len(text) != 27 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' || text[26] != 'Z' {
		return 0, false
	}
	ok = true
	two := func(at int) int64 {
		tens, ones := text[at]-'0', text[at+1]-'0'
		ok = ok && tens <= 9 && ones <= 9
		return int64(tens)*10 + int64(ones)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	micros = (two(20)*100+two(22))*100 + two(24)
	if !ok || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return (daysSince1970(year, month, day)*secondsPerDay+hour*3600+minute*60+second)*microsPerSecond + micros, true
}

// infiniteTimestamp is PostgreSQL's infinity as the connector writes it for a
// timestamp without time zone, in microseconds, and the other end of time.
const (
	infiniteTimestamp         = 9223372036825200000
	negativeInfiniteTimestamp = -9223372036832400000
)

// Timestamp reads a timestamp without time zone, which arrives as microseconds
// since 1970. A timestamp(0) to timestamp(3) is for TimestampMillis: the value
// does not say which of the two it is.
func (v Value) Timestamp() (micros int64, err error) {
	micros, err = v.Int(64)
	switch {
	case err != nil:
		return 0, v.Unexpected("microseconds")
	case micros >= infiniteTimestamp:
		return InfiniteMicros, nil
	case micros <= negativeInfiniteTimestamp:
		return NegativeInfiniteMicros, nil
	}
	return micros, nil
}

// TimestampMillis reads a timestamp(0) to timestamp(3), which arrives as
// milliseconds since 1970, as microseconds since 1970. The last years that
// PostgreSQL knows are cut as those of a timestamptz are.
func (v Value) TimestampMillis() (micros int64, err error) {
	millis, err := v.Int(64)
	switch {
	case err != nil:
		return 0, v.Unexpected("milliseconds")
	case millis == infiniteTimestamp/microsPerMilli:
		return InfiniteMicros, nil
	case millis == negativeInfiniteTimestamp/microsPerMilli:
		return NegativeInfiniteMicros, nil
	}
	return saturated(millis, microsPerMilli), nil
}

// Time reads a time, which arrives as microseconds since midnight; 24:00:00 is
// one too. A time(0) to time(3) is for TimeMillis; a timetz is text.
func (v Value) Time() (micros int64, err error) {
	micros, err = v.Int(64)
	if err != nil || micros < 0 || micros > secondsPerDay*microsPerSecond {
		return 0, v.Unexpected("microseconds since midnight")
	}
	return micros, nil
}

// TimeMillis reads a time(0) to time(3), which arrives as milliseconds since
// midnight under time.precision.mode=adaptive, as microseconds since midnight.
func (v Value) TimeMillis() (micros int64, err error) {
	millis, err := v.Int(32)
	if err != nil || millis < 0 || millis > secondsPerDay*microsPerSecond/microsPerMilli {
		return 0, v.Unexpected("milliseconds since midnight")
	}
	return millis * microsPerMilli, nil
}

// Interval reads an interval, which arrives as microseconds: a month counts as a
// twelfth of 365.25 days.
func (v Value) Interval() (micros int64, err error) { return v.Int(64) }

// Infinite dates overflow on their way, streamed ones in another manner than
// those of a snapshot. All lie before PostgreSQL's first day (4713 BC).
const (
	infiniteDateStreamed         = -2147472692
	infiniteDateSnapshot         = -622191234
	negativeInfiniteDateStreamed = -2147472691
	negativeInfiniteDateSnapshot = -625821272
)

// Date reads a date, which arrives as days since 1970. Of a date before Christ in
// a snapshot the connector writes the same year after Christ.
func (v Value) Date() (days int32, err error) {
	n, err := v.Int(32)
	switch {
	case err != nil:
		return 0, v.Unexpected("days")
	case n == infiniteDateStreamed || n == infiniteDateSnapshot:
		return InfiniteDays, nil
	case n == negativeInfiniteDateStreamed || n == negativeInfiniteDateSnapshot:
		return NegativeInfiniteDays, nil
	}
	return int32(n), nil
}

// timeParser reads an ISO 8601 timestamp from the front of rest. bad stays set
// once something did not fit.
type timeParser struct {
	rest []byte
	bad  bool
}

func (p *timeParser) timestamp() (micros int64) {
	year := p.year()
	month := p.field('-', 1, 12)
	day := p.field('-', 1, 31)
	seconds := p.field('T', 0, 23)*3600 + p.field(':', 0, 59)*60 + p.field(':', 0, 59)
	fraction := p.fraction()
	seconds += daysSince1970(year, month, day)*secondsPerDay - p.zone()
	if p.bad || day > daysIn(year, month) {
		p.bad = true
		return 0
	}
	return saturated(seconds, microsPerSecond) + fraction
}

// saturated turns a number of units into microseconds. The last years that
// PostgreSQL knows (294 276) are beyond an int64 of microseconds; they become
// the last unit that is not infinity.
func saturated(units, micros int64) int64 {
	most := math.MaxInt64/micros - 1
	return min(max(units, -most), most) * micros
}

func (p *timeParser) year() int64 {
	sign := int64(1)
	if p.skip('-') {
		sign = -1
	} else {
		p.skip('+')
	}
	n := bytes.IndexByte(p.rest, '-')
	if n < 4 || n > 6 {
		p.bad = true
		return 0
	}
	return sign * p.digits(n)
}

func (p *timeParser) field(separator byte, low, high int64) int64 {
	if !p.skip(separator) {
		p.bad = true
		return low
	}
	n := p.digits(2)
	if n < low || n > high {
		p.bad = true
		return low
	}
	return n
}

// fraction reads an optional .123456789 as microseconds.
func (p *timeParser) fraction() (micros int64) {
	if !p.skip('.') {
		return 0
	}
	count := 0
	for ; len(p.rest) > 0 && isDigit(p.rest[0]); p.rest = p.rest[1:] {
		if count++; count <= 6 {
			micros = micros*10 + int64(p.rest[0]-'0')
		}
	}
	p.bad = p.bad || count == 0 || count > 9
	for ; count < 6; count++ {
		micros *= 10
	}
	return micros
}

// zone reads Z or ±hh:mm as seconds east of UTC.
func (p *timeParser) zone() int64 {
	if p.skip('Z') {
		return 0
	}
	sign, separator := int64(1), byte('+')
	if len(p.rest) > 0 && p.rest[0] == '-' {
		sign, separator = -1, '-'
	}
	return sign * (p.field(separator, 0, 18)*3600 + p.field(':', 0, 59)*60)
}

func (p *timeParser) skip(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// digits reads so many digits.
func (p *timeParser) digits(count int) int64 {
	if len(p.rest) < count {
		p.bad = true
		return 0
	}
	n := int64(0)
	for _, c := range p.rest[:count] {
		p.bad = p.bad || !isDigit(c)
		n = n*10 + int64(c-'0')
	}
	p.rest = p.rest[count:]
	return n
}

// daysSince1970 counts days in the proleptic Gregorian calendar, where 400
// years are always 146 097 days. Years begin in March here, so that the leap
// day is the last of its year.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	const march0 = 719_468 // days from 0000-03-01 to 1970-01-01
	return era*146_097 + dayOfEra - march0
}

func floorDiv(a, b int64) int64 {
	quotient := a / b
	if a%b < 0 {
		quotient--
	}
	return quotient
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
