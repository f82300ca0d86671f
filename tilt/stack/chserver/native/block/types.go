package block

import (
	"fmt"
	"strconv"
	"strings"
)

// UnsupportedTypeError names a type that cannot be re-framed.
type UnsupportedTypeError struct{ Type string }

func (e *UnsupportedTypeError) Error() string {
	return fmt.Sprintf("type %s is not supported over the native protocol here", e.Type)
}

// maxTypeDepth bounds the nesting of a type, which may be garbage.
const maxTypeDepth = 32

// width returns the bytes of a value of a type without arguments that matter,
// or 0.
func width(name string) fixed {
	switch name {
	case "Int8", "UInt8", "Bool", "Enum8", "Nothing":
		return 1
	case "Int16", "UInt16", "BFloat16", "Date", "Enum16":
		return 2
	case "Int32", "UInt32", "Float32", "Date32", "DateTime", "Time", "IPv4", "Decimal32":
		return 4
	case "Int64", "UInt64", "Float64", "DateTime64", "Time64", "Decimal64":
		return 8
	case "Int128", "UInt128", "UUID", "IPv6", "Decimal128":
		return 16
	case "Int256", "UInt256", "Decimal256":
		return 32
	}
	return 0
}

// geometry returns the type that a geometric name stands for, or nothing.
func geometry(name string) string {
	switch name {
	case "Point":
		return "Tuple(Float64, Float64)"
	case "Ring", "LineString":
		return "Array(Point)"
	case "MultiLineString":
		return "Array(LineString)"
	case "Polygon":
		return "Array(Ring)"
	case "MultiPolygon":
		return "Array(Polygon)"
	}
	return ""
}

// parse returns the layout of a type.
func parse(typeName string, depth int) (layout, error) {
	if depth > maxTypeDepth {
		return nil, &UnsupportedTypeError{Type: typeName}
	}
	name, arguments, err := split(typeName)
	if err != nil {
		return nil, err
	}
	if bytes := width(name); bytes != 0 {
		return bytes, nil
	}
	if nested := geometry(name); nested != "" {
		return parse(nested, depth+1)
	}
	switch name {
	case "String":
		return text{}, nil
	case "FixedString":
		return parseFixedString(typeName, arguments)
	case "Decimal":
		return parseDecimal(typeName, arguments)
	case "Tuple", "Map", "Nested":
		return parseMany(name, arguments, depth)
	case "Array", "Nullable", "LowCardinality", "SimpleAggregateFunction":
		return parseOne(name, arguments, depth)
	}
	if strings.HasPrefix(name, "Interval") {
		return fixed(8), nil
	}
	return nil, &UnsupportedTypeError{Type: typeName}
}

// parseOne reads a type made of one other, its last argument.
func parseOne(name string, arguments []string, depth int) (layout, error) {
	if len(arguments) == 0 {
		return nil, &UnsupportedTypeError{Type: name}
	}
	argument := arguments[len(arguments)-1]
	if name == "LowCardinality" {
		// The dictionary marks NULL by its first key, not by a mask.
		if inner, ok := strings.CutPrefix(argument, "Nullable("); ok {
			argument = strings.TrimSuffix(inner, ")")
		}
	}
	value, err := parse(argument, depth+1)
	if err != nil {
		return nil, err
	}
	switch name {
	case "Array":
		return array{value}, nil
	case "Nullable":
		return nullable{value}, nil
	case "LowCardinality":
		return dictionary{value}, nil
	}
	return value, nil
}

// parseMany reads a type made of several others, which may have names.
func parseMany(name string, arguments []string, depth int) (layout, error) {
	elements := make(tuple, 0, len(arguments))
	for _, argument := range arguments {
		element, err := parse(withoutName(argument), depth+1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	switch {
	case name == "Tuple" && len(elements) == 0:
		return fixed(1), nil
	case name == "Tuple":
		return elements, nil
	case name == "Map" && len(elements) != 2, len(elements) == 0:
		return nil, &UnsupportedTypeError{Type: name}
	}
	return array{elements}, nil
}

// withoutName cuts the name off an element "name Type".
func withoutName(argument string) string {
	inQuotes, depth := false, 0
	for i := 0; i < len(argument); i++ {
		switch c := argument[i]; {
		case inQuotes && c == '\\':
			i++
		case c == '`':
			inQuotes = !inQuotes
		case inQuotes:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ' ' && depth == 0:
			return argument[i+1:]
		}
	}
	return argument
}

func parseFixedString(typeName string, arguments []string) (layout, error) {
	if len(arguments) != 1 {
		return nil, &UnsupportedTypeError{Type: typeName}
	}
	size, err := strconv.ParseUint(arguments[0], 10, 24)
	if err != nil || size == 0 {
		return nil, &UnsupportedTypeError{Type: typeName}
	}
	return fixed(size), nil
}

func parseDecimal(typeName string, arguments []string) (layout, error) {
	if len(arguments) == 0 {
		return nil, &UnsupportedTypeError{Type: typeName}
	}
	precision, err := strconv.ParseUint(arguments[0], 10, 8)
	switch {
	case err != nil || precision == 0 || precision > 76:
		return nil, &UnsupportedTypeError{Type: typeName}
	case precision <= 9:
		return fixed(4), nil
	case precision <= 18:
		return fixed(8), nil
	case precision <= 38:
		return fixed(16), nil
	}
	return fixed(32), nil
}

// split cuts "Name(a, b)" into its name and arguments. Quotes and brackets
// shield commas.
func split(typeName string) (name string, arguments []string, err error) {
	open := strings.IndexByte(typeName, '(')
	if open < 0 {
		return typeName, nil, nil
	}
	if !strings.HasSuffix(typeName, ")") {
		return "", nil, &UnsupportedTypeError{Type: typeName}
	}
	inner := typeName[open+1 : len(typeName)-1]
	start, depth, quote := 0, 0, byte(0)
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '`':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			arguments = append(arguments, strings.TrimSpace(inner[start:i]))
			start = i + 1
		}
	}
	if last := strings.TrimSpace(inner[start:]); last != "" {
		arguments = append(arguments, last)
	}
	return typeName[:open], arguments, nil
}
