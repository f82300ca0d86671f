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

var widths = map[string]fixed{
	"Int8": 1, "Int16": 2, "Int32": 4, "Int64": 8, "Int128": 16, "Int256": 32,
	"UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8, "UInt128": 16, "UInt256": 32,
	"Float32": 4, "Float64": 8, "BFloat16": 2, "Bool": 1, "Nothing": 1,
	"Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8,
	"UUID": 16, "IPv4": 4, "IPv6": 16, "Enum8": 1, "Enum16": 2,
	"Decimal32": 4, "Decimal64": 8, "Decimal128": 16, "Decimal256": 32,
}

// geometry types are names for nested ones.
var geometry = map[string]string{
	"Point": "Tuple(Float64, Float64)", "Ring": "Array(Point)", "LineString": "Array(Point)",
	"MultiLineString": "Array(LineString)", "Polygon": "Array(Ring)", "MultiPolygon": "Array(Polygon)",
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
	if width, ok := widths[name]; ok {
		return width, nil
	}
	if nested, ok := geometry[name]; ok {
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
