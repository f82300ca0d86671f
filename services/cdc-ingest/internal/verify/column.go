package verify

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// column is one column of both sides, as expressions that give the same text for
// the same value, or NULL.
type column struct {
	name   string // in ClickHouse
	source string // SQL of PostgreSQL
	stored string // SQL of ClickHouse
}

var errNotComparable = errors.New("type cannot be compared")

// Bounds of ClickHouse's types, at which cdc-ingest cuts.
const (
	minInstant = "1900-01-01 00:00:00.000000"
	maxInstant = "2299-12-31 23:59:59.999999"
	minDate    = "1900-01-01"
	maxDate    = "2299-12-31"
)

// monthMicros is Debezium's length of a month in an interval: a twelfth of 365.25
// days.
const monthMicros = "2629800000000"

var (
	dateTime64 = regexp.MustCompile(`^DateTime64\((\d)`)
	decimal    = regexp.MustCompile(`^Decimal\((\d+), (\d+)\)$`)
)

// expressions returns the SQL that renders a value: of PostgreSQL's column, whose
// type is sourceKind, and of ClickHouse's, whose type is storedKind.
func expressions(source, sourceKind, target, storedKind string) (fromSource, fromStored string, err error) {
	c, s := identifier(source), identifier(target)
	kind := unwrapped(storedKind)
	switch {
	case kind == "UUID":
		return "(" + c + "::text)::uuid", "toString(" + s + ")", nil
	case kind == "Bool":
		return c + "::text", "toString(" + s + ")", nil
	case kind == "String" || strings.HasPrefix(kind, "Enum"):
		fromSource, fromStored = textual(c, sourceKind, s)
	case strings.HasPrefix(kind, "Int") || strings.HasPrefix(kind, "UInt"):
		fromSource, fromStored = integer(c, sourceKind), "toString("+s+")"
	case kind == "Float64":
		fromSource, fromStored = float(c, s, 8)
	case kind == "Float32":
		fromSource, fromStored = float(c, s, 4)
	case kind == "Date32":
		fromSource, fromStored = within(c, minDate, maxDate, "date", c+"::date::text"), "toString("+s+")"
	case dateTime64.MatchString(kind):
		fromSource, fromStored = instant(c, sourceKind, dateTime64.FindStringSubmatch(kind)[1]), "toString("+s+", 'UTC')"
	case decimal.MatchString(kind):
		fromSource, fromStored = fixedPoint(c, s, decimal.FindStringSubmatch(kind))
	case strings.HasPrefix(kind, "Array("):
		fromSource, fromStored = array(c, s)
	default:
		return "", "", fmt.Errorf("column %s, a %s: %w", target, storedKind, errNotComparable)
	}
	return fromSource, fromStored, nil
}

// unwrapped is the type without LowCardinality and Nullable.
func unwrapped(kind string) string {
	for _, wrapper := range []string{"LowCardinality(", "Nullable("} {
		if inner, ok := strings.CutPrefix(kind, wrapper); ok {
			kind = strings.TrimSuffix(inner, ")")
		}
	}
	return kind
}

// textual leaves a value to PostgreSQL's output function, as the connector does: a
// cast to text differs from it for inet and char(n).
func textual(c, sourceKind, s string) (fromSource, fromStored string) {
	switch sourceKind {
	case "bytea":
		return "encode(" + c + ", 'hex')", "lower(hex(" + s + "))"
	case "time with time zone":
		return "(" + c + " AT TIME ZONE 'UTC')::time::text || 'Z'", "toString(" + s + ")"
	default:
		return c, "toString(" + s + ")"
	}
}

// integer renders what the connector sends as a number of microseconds so too.
func integer(c, sourceKind string) string {
	switch {
	case sourceKind == "interval":
		return fmt.Sprintf("((extract(year FROM %[1]s)::bigint * 12 + extract(month FROM %[1]s)::bigint) * %[2]s"+
			" + extract(day FROM %[1]s)::bigint * 86400000000 + extract(hour FROM %[1]s)::bigint * 3600000000"+
			" + extract(minute FROM %[1]s)::bigint * 60000000 + extract(microseconds FROM %[1]s)::bigint)::text", c, monthMicros)
	case strings.HasPrefix(sourceKind, "time without"):
		return fmt.Sprintf("(extract(hour FROM %[1]s)::bigint * 3600000000 + extract(minute FROM %[1]s)::bigint * 60000000"+
			" + extract(microseconds FROM %[1]s)::bigint)::text", c)
	default:
		return c + "::text"
	}
}

// float renders the bits: the servers write the same number in different ways. The
// connector sends a real as its shortest text, hence the way over text.
func float(c, s string, bytes int) (fromSource, fromStored string) {
	sum := fmt.Sprintf("(%[1]s::text::float%[2]d + 0::float%[2]d)", c, bytes)
	fromSource = fmt.Sprintf("CASE WHEN %[1]s = 'NaN' THEN 'NaN' ELSE encode(float%[3]dsend(%[2]s), 'hex') END", c, sum, bytes)
	fromStored = fmt.Sprintf("if(isNaN(%[1]s), 'NaN', lower(leftPad(hex(reinterpretAsUInt%[2]d(toFloat%[2]d(%[1]s + 0))), %[3]d, '0')))", s, 8*bytes, 2*bytes)
	return fromSource, fromStored
}

// within cuts a value to bounds of its kind, as cdc-ingest does.
func within(c, lowest, highest, kind, otherwise string) string {
	return fmt.Sprintf("CASE WHEN %[1]s < '%[2]s'::%[4]s THEN '%[2]s' WHEN %[1]s > '%[3]s'::%[4]s THEN '%[3]s' ELSE %[5]s END",
		c, lowest, highest, kind, otherwise)
}

// instant renders so many digits of a second, in UTC, which is the session's time
// zone.
func instant(c, sourceKind, digits string) string {
	kind := "timestamptz"
	if strings.HasPrefix(sourceKind, "timestamp without") {
		kind = "timestamp"
	}
	text := within(c, minInstant, maxInstant, kind, "to_char("+c+", 'YYYY-MM-DD HH24:MI:SS.US')")
	precision, _ := strconv.Atoi(digits)
	switch precision {
	case 6:
		return text
	case 0:
		return "left(" + text + ", 19)"
	default:
		return fmt.Sprintf("rpad(%s, %d, '0')", text, len("2006-01-02 15:04:05.")+precision)
	}
}

// fixedPoint renders a number with the digits of Decimal(precision, scale). NaN is
// NULL there. A number with more digits than that is no value of the column and
// stays as it is.
func fixedPoint(c, s string, kind []string) (fromSource, fromStored string) {
	precision, _ := strconv.Atoi(kind[1])
	scale, _ := strconv.Atoi(kind[2])
	most := strings.Repeat("9", precision-scale)
	if most == "" {
		most = "0"
	}
	if scale > 0 {
		most += "." + strings.Repeat("9", scale)
	}
	fromSource = fmt.Sprintf("CASE WHEN %[1]s = 'NaN' THEN NULL WHEN %[1]s > %[2]s THEN '%[2]s' WHEN %[1]s < -%[2]s THEN '-%[2]s'"+
		" WHEN %[1]s = trunc(%[1]s, %[3]d) THEN round(%[1]s, %[3]d)::text ELSE %[1]s::text END", c, most, scale)
	return fromSource, fmt.Sprintf("toDecimalString(%s, %d)", s, scale)
}

// array renders elements in quotes, NULL without. ClickHouse has no NULL for an
// array: it is an empty one.
func array(c, s string) (fromSource, fromStored string) {
	fromSource = `(SELECT '{' || coalesce(string_agg(coalesce('"' || replace(replace(e::text, '\', '\\'), '"', '\"') || '"', 'NULL'), ',' ORDER BY n), '') || '}'` +
		` FROM unnest(` + c + `) WITH ORDINALITY AS elements(e, n))`
	fromStored = `'{' || arrayStringConcat(arrayMap(e -> ifNull('"' || replaceAll(replaceAll(toString(e), '\\', '\\\\'), '"', '\\"') || '"', 'NULL'), ` + s + `), ',') || '}'`
	return fromSource, fromStored
}

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
