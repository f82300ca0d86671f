package config

import (
	"fmt"
	"reflect"
	"strings"
)

// validate returns the problems that the Validators of v and of its nested structs
// find, but those about failed variables, which have been reported.
func validate(v reflect.Value, prefix string, failed map[string]bool) []error {
	var problems []error
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if isNested(field) {
			problems = append(problems, validate(v.Field(i), join(prefix, nestedPrefix(field)), failed)...)
		}
	}
	validator, isValidator := v.Addr().Interface().(Validator)
	if !isValidator {
		return problems
	}
	for _, problem := range flatten(validator.Validate()) {
		if mentions(problem.Error(), prefix, failed) {
			continue
		}
		if prefix != "" {
			problem = fmt.Errorf("%s_%w", prefix, problem)
		}
		problems = append(problems, problem)
	}
	return problems
}

// mentions says whether a problem of the struct with prefix names a variable of
// the set, in full or by its suffix.
func mentions(problem, prefix string, variables map[string]bool) bool {
	isOther := func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	for _, word := range strings.FieldsFunc(problem, isOther) {
		if variables[word] || variables[join(prefix, word)] {
			return true
		}
	}
	return false
}

// flatten returns the errors that err joins, however deep, and none for nil.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, isJoined := err.(interface{ Unwrap() []error }) // what wraps a join has a text of its own
	if !isJoined {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, part := range joined.Unwrap() {
		all = append(all, flatten(part)...)
		lines = append(lines, part.Error())
	}
	if strings.Join(lines, "\n") != err.Error() { // not errors.Join
		return []error{err}
	}
	return all
}
