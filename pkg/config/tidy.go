package config

import (
	"reflect"
	"strings"
)

// tidy takes the space out of a list or map that envconfig has parsed from value,
// and returns what is wrong with it otherwise: what is easily written by accident,
// and hard to see where it surfaces.
func tidy(parsed reflect.Value, value string) (problem string) {
	switch parsed.Kind() {
	case reflect.String:
		return strayspace(parsed, value)
	case reflect.Slice:
		return tidyList(parsed)
	case reflect.Map:
		return tidyMap(parsed, value)
	default:
		return ""
	}
}

// strayspace refuses white space at an end, and in a secret only the line break
// that a file ends with.
func strayspace(parsed reflect.Value, value string) string {
	if parsed.Type() == reflect.TypeFor[Secret]() {
		if strings.TrimRight(value, "\r\n") != value {
			return "ends in a line break"
		}
		return ""
	}
	if strings.TrimSpace(value) != value {
		return "begins or ends in white space"
	}
	return ""
}

func tidyList(list reflect.Value) string {
	if list.Type().Elem().Kind() != reflect.String {
		return ""
	}
	for i := range list.Len() {
		item := strings.TrimSpace(list.Index(i).String())
		if item == "" {
			return "has an empty item"
		}
		list.Index(i).SetString(item)
	}
	return ""
}

func tidyMap(m reflect.Value, value string) string {
	if strings.TrimSpace(value) == "" {
		return ""
	}
	tidied := reflect.MakeMap(m.Type())
	for entry := m.MapRange(); entry.Next(); {
		tidied.SetMapIndex(trimmed(entry.Key()), trimmed(entry.Value()))
	}
	if tidied.Len() != strings.Count(value, ",")+1 {
		return "has a key twice"
	}
	m.Set(tidied)
	return ""
}

// trimmed returns a copy of v, without space at its ends if it is a string.
func trimmed(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.String {
		return v
	}
	copied := reflect.New(v.Type()).Elem()
	copied.SetString(strings.TrimSpace(v.String()))
	return copied
}
