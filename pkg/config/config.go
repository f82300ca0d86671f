package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Validator is implemented by a Config, or a struct nested in one, that has
// rules beyond the types of its fields. It joins all problems it finds, naming
// fields by their variable's suffix ("BATCH_ROWS must be positive").
type Validator interface {
	Validate() error
}

// Defaulter is implemented by a Config that wants other defaults, by variable,
// than the Configs nested in it have.
type Defaulter interface {
	Defaults() map[string]string
}

// Load fills cfg, a pointer to a struct, from the environment and validates it.
//
// A leaf field's variable is its name in upper snake case (HTTPAddr:
// HTTP_ADDR); a nested struct's tag `envconfig:"KAFKA"` is the prefix
// of its fields. Leaves have no `envconfig` tag: envconfig would then also read
// the variable of that bare name. Defaults come from `default` tags only.
// An empty variable counts as unset, so that a chart can render an optional
// value as "".
func Load(cfg any) error {
	root, err := structOf(cfg)
	if err != nil {
		return err
	}
	var problems []error
	known, failed := map[string]bool{}, map[string]bool{}
	if err := walk(root, func(leaf leaf) {
		known[leaf.Variable] = true
		if err := leaf.load(); err != nil {
			problems = append(problems, err)
			failed[leaf.Variable] = true
		}
	}); err != nil {
		return err
	}
	problems = append(problems, misspelt(known)...)
	return errors.Join(append(problems, validate(root, "", failed)...)...)
}

// nowhere is a prefix that no variable can have: under it envconfig finds an
// empty variable unset and takes the default.
const nowhere = "="

// load reads one variable. One that cannot be used leaves the default, so that
// rules about several variables judge the others.
func (l leaf) load() error {
	value, isSet := os.LookupEnv(l.Variable)
	isSet = isSet && value != ""
	if !isSet && l.Default == "" {
		if l.Required {
			return fmt.Errorf("%s is required: %s", l.Variable, l.Description)
		}
		return nil
	}
	if !isSet {
		return l.process(nowhere, l.Default)
	}
	err := l.process(l.prefix, value)
	if err != nil && l.Default != "" {
		return errors.Join(err, l.process(nowhere, l.Default))
	}
	return err
}

// process has envconfig parse the variable under prefix, whose value is given, by
// way of a struct that has this field alone: envconfig.Process stops at its first
// problem, this does not.
func (l leaf) process(prefix, value string) error {
	field := l.field
	field.Tag += ` split_words:"true"`
	single := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	if err := envconfig.Process(prefix, single.Interface()); err != nil {
		return fmt.Errorf("%s is not a valid %s%s", l.Variable, typeName(field.Type), reason(err))
	}
	parsed := single.Elem().Field(0)
	if problem := tidy(parsed, value); problem != "" {
		return fmt.Errorf("%s %s", l.Variable, problem)
	}
	l.value.Set(parsed)
	return nil
}

// reason is what the field's own parser says, if it is one of ours: the text of
// strconv's and time's errors holds the value.
func reason(err error) string {
	var parse *envconfig.ParseError
	if !errors.As(err, &parse) {
		return ""
	}
	var explained *InvalidError
	if errors.As(parse.Err, &explained) {
		return ": " + explained.Reason
	}
	return ""
}

// InvalidError is what a field's UnmarshalText returns to have its reason shown.
// The reason must not hold the value where it can be a secret.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func structOf(cfg any) (reflect.Value, error) {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}, fmt.Errorf("loading configuration: want a pointer to a struct, got %T", cfg)
	}
	return v.Elem(), nil
}

func join(prefix, name string) string {
	return strings.Trim(prefix+"_"+name, "_")
}
