package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// leaf is one field that a variable fills.
type leaf struct {
	Variable    string
	Default     string
	Description string
	Required    bool

	prefix string
	field  reflect.StructField
	value  reflect.Value
}

// walk calls visit for each leaf of root in declaration order, with the default
// that root wants for it. Its error names defaults for variables that there are
// not, and fields that are declared wrongly.
func walk(root reflect.Value, visit func(leaf)) error {
	defaults := map[string]string{}
	if defaulter, ok := root.Addr().Interface().(Defaulter); ok {
		defaults = maps.Clone(defaulter.Defaults())
	}
	seen := map[string]bool{}
	var mistakes []error
	descend(root, "", func(l leaf) {
		if value, wanted := defaults[l.Variable]; wanted {
			l.Default = value
			l.field.Tag = reflect.StructTag(`default:`+strconv.Quote(value)+` `) + l.field.Tag // the first of a name counts
			delete(defaults, l.Variable)
		}
		if mistake := l.mistake(seen[l.Variable]); mistake != "" {
			mistakes = append(mistakes, fmt.Errorf("%T: the field of %s %s", root.Interface(), l.Variable, mistake))
		}
		seen[l.Variable] = true
		visit(l)
	})
	if len(defaults) > 0 {
		mistakes = append(mistakes, fmt.Errorf("%T has defaults for unknown variables: %s",
			root.Interface(), strings.Join(slices.Sorted(maps.Keys(defaults)), ", ")))
	}
	return errors.Join(mistakes...)
}

// mistake returns what is wrong with the declaration, if anything is: envconfig
// would go along with it.
func (l leaf) mistake(isTaken bool) string {
	_, isNamed := l.field.Tag.Lookup("envconfig")
	switch {
	case isTaken:
		return "is the second of that name"
	case isNamed:
		return "has an envconfig tag, by which it would be read without its prefix too"
	case l.Required && l.Default != "":
		return "is required and has a default"
	case l.field.Type.Kind() == reflect.Pointer && l.field.Type.Elem().Kind() == reflect.Struct:
		return "is a pointer to a struct, which is not looked into"
	default:
		return ""
	}
}

func descend(v reflect.Value, prefix string, visit func(leaf)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch {
		case !field.IsExported() || field.Tag.Get("ignored") == "true":
		case isNested(field):
			descend(v.Field(i), join(prefix, nestedPrefix(field)), visit)
		default:
			visit(leaf{
				Variable:    join(prefix, upperSnake(field.Name)),
				Default:     field.Tag.Get("default"),
				Description: field.Tag.Get("desc"),
				Required:    field.Tag.Get("required") == "true",
				prefix:      prefix,
				field:       field,
				value:       v.Field(i),
			})
		}
	}
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func isNested(field reflect.StructField) bool {
	return field.IsExported() && field.Type.Kind() == reflect.Struct && !reflect.PointerTo(field.Type).Implements(textUnmarshaler)
}

func nestedPrefix(field reflect.StructField) string {
	if field.Anonymous {
		return ""
	}
	if prefix, ok := field.Tag.Lookup("envconfig"); ok {
		return strings.ToUpper(prefix)
	}
	return upperSnake(field.Name)
}

// The word boundaries of envconfig's split_words: "HTTPAddr" is HTTP_ADDR.
var (
	words   = regexp.MustCompile(`([^A-Z]+|[A-Z]+[^A-Z]+|[A-Z]+)`)
	acronym = regexp.MustCompile(`([A-Z]+)([A-Z][^A-Z]+)`)
)

func upperSnake(name string) string {
	var parts []string
	for _, word := range words.FindAllString(name, -1) {
		if m := acronym.FindStringSubmatch(word); m != nil {
			parts = append(parts, m[1], m[2])
			continue
		}
		parts = append(parts, word)
	}
	return strings.ToUpper(strings.Join(parts, "_"))
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration (such as 30s)"
	case t == reflect.TypeFor[Secret]():
		return "secret"
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return strings.ToLower(t.Name())
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return fmt.Sprintf("map of %s to %s (a:b,c:d)", typeName(t.Key()), typeName(t.Elem()))
	default:
		return t.Kind().String()
	}
}

// misspelt finds variables that are set, unknown, and one edit away from a
// known one. Anything further away belongs to somebody else: pods see the
// variables of other services, shells those of .run/env.
func misspelt(known map[string]bool) []error {
	var problems []error
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if known[name] {
			continue
		}
		for _, candidate := range sortedKeys(known) {
			if oneEditAway(name, candidate) {
				problems = append(problems, fmt.Errorf("%s is unknown: is %s meant?", name, candidate))
			}
		}
	}
	return problems
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// oneEditAway: one character more, less or other, or two neighbours swapped.
func oneEditAway(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 1:
		return a[i:] == b[i+1:]
	case 0:
		if i == len(a) {
			return false
		}
		isSwap := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		return a[i+1:] == b[i+1:] || isSwap
	default:
		return false
	}
}
