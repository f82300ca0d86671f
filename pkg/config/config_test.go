package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
)

type kafka struct {
	Brokers []string      `split_words:"true" default:"127.0.0.1:9092" desc:"Bootstrap brokers."`
	Timeout time.Duration `split_words:"true" default:"10s" desc:"Deadline of a request."`
}

func (k kafka) Validate() error {
	var problems []error
	if k.Timeout <= 0 {
		problems = append(problems, errors.New("TIMEOUT must be positive"))
	}
	if len(k.Brokers) > 2 {
		problems = append(problems, errors.New("BROKERS holds more than two"))
	}
	return errors.Join(problems...)
}

type letterCase string

func (c *letterCase) UnmarshalText(text []byte) error {
	if string(text) != "upper" && string(text) != "lower" {
		return &config.InvalidError{Reason: "want upper or lower"}
	}
	*c = letterCase(text)
	return nil
}

type sample struct {
	Kafka    kafka           `envconfig:"KAFKA"`
	HTTPAddr string          `split_words:"true" default:":8080" desc:"Where to listen | both."`
	Password config.Secret   `split_words:"true" desc:"Password."`
	MaxRows  int             `split_words:"true" default:"7" desc:"Rows."`
	Epochs   map[string]uint `split_words:"true" default:"nova:0" desc:"Epochs."`
	Name     string          `split_words:"true" required:"true" desc:"Name of it."`
	Case     letterCase      `split_words:"true" default:"upper" desc:"Case."`
}

// Defaults and set variables land in their fields; an empty variable is unset.
func TestLoad(t *testing.T) {
	t.Setenv("NAME", "n")
	t.Setenv("KAFKA_BROKERS", "a:1,b:2")
	t.Setenv("MAX_ROWS", "")
	t.Setenv("EPOCHS", "nova:0,nova2:1")
	t.Setenv("PASSWORD", "hunter2")
	var got sample
	require.NoError(t, config.Load(&got))
	require.Equal(t, sample{
		Kafka: kafka{Brokers: []string{"a:1", "b:2"}, Timeout: 10 * time.Second}, HTTPAddr: ":8080", Password: "hunter2",
		MaxRows: 7, Epochs: map[string]uint{"nova": 0, "nova2": 1}, Name: "n", Case: "upper",
	}, got)
}

// An operator sees every problem of a start at once, never a value.
func TestLoadReportsEveryProblemWithoutValues(t *testing.T) {
	t.Setenv("NAME", "")
	t.Setenv("MAX_ROWS", "s3cret")
	t.Setenv("KAFKA_TIMEOUT", "s3cret")
	t.Setenv("CASE", "s3cret")
	t.Setenv("KAFKA_BROKER", "typo:9092")
	err := config.Load(&sample{})
	require.Error(t, err)
	require.ElementsMatch(t, []string{
		"NAME is required: Name of it.",
		"MAX_ROWS is not a valid int",
		"KAFKA_TIMEOUT is not a valid duration (such as 30s)",
		"CASE is not a valid lettercase: want upper or lower",
		"KAFKA_BROKER is unknown: is KAFKA_BROKERS meant?",
	}, strings.Split(err.Error(), "\n"))
}

type limits struct {
	Low   int `split_words:"true" default:"1" desc:"Lower bound."`
	High  int `split_words:"true" default:"9" desc:"Upper bound."`
	Count int `split_words:"true" required:"true" desc:"Count."`
}

func (l limits) Validate() error {
	var problems []error
	if l.Low >= l.High {
		problems = append(problems, errors.New("LOW must be below HIGH"))
	}
	if l.Count <= 0 {
		problems = append(problems, errors.New("COUNT must be positive"))
	}
	return errors.Join(problems...)
}

type limited struct {
	Kafka kafka  `envconfig:"KAFKA"`
	A     limits `envconfig:"A"`
	B     limits `envconfig:"B"`
}

func (l limited) Validate() error {
	if l.A.High != l.B.High {
		return errors.New("A_HIGH and B_HIGH must be the same")
	}
	return nil
}

// What does not parse, what is missing and what breaks a rule are all reported at
// once, and no rule is said to be broken because of a variable that could not be
// read.
func TestLoadReportsParsingAndRulesAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		set  map[string]string
		want []string
	}{
		"another rule": {
			map[string]string{"A_LOW": "x", "A_COUNT": "1", "B_COUNT": "-1", "KAFKA_TIMEOUT": "0s"},
			[]string{"A_LOW is not a valid int", "B_COUNT must be positive", "KAFKA_TIMEOUT must be positive"},
		},
		"missing is not negative": {
			map[string]string{"B_COUNT": "1"},
			[]string{"A_COUNT is required: Count."},
		},
		"its own rule": {
			map[string]string{"A_COUNT": "x", "B_COUNT": "1"},
			[]string{"A_COUNT is not a valid int"},
		},
		"a rule with its neighbour": {
			map[string]string{"A_COUNT": "1", "B_COUNT": "1", "A_LOW": "9", "A_HIGH": "99x"},
			[]string{"A_HIGH is not a valid int"},
		},
		"a rule with another struct's": {
			map[string]string{"A_COUNT": "1", "B_COUNT": "1", "A_HIGH": "", "B_HIGH": "8x", "B_LOW": "5"},
			[]string{"B_HIGH is not a valid int"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range test.set {
				t.Setenv(variable, value)
			}
			err := config.Load(&limited{})
			require.Error(t, err)
			require.ElementsMatch(t, test.want, strings.Split(err.Error(), "\n"))
		})
	}
}

type layered struct {
	Inner deep `envconfig:"INNER"`
}

type deep struct {
	Size int `default:"1" desc:"Size."`
}

func (deep) Validate() error {
	return errors.Join(
		errors.Join(errors.New("SIZE is odd"), errors.New("SIZE is small")),
		fmt.Errorf("SIZE is both: %w", errors.Join(errors.New("odd"), errors.New("small"))),
	)
}

// Rules may be joined in layers; what wraps some of them is one problem.
func TestLoadNamesVariablesOfLayeredRules(t *testing.T) {
	require.EqualError(t, config.Load(&layered{}), "INNER_SIZE is odd\nINNER_SIZE is small\nINNER_SIZE is both: odd\nsmall")
}

// Space around the items of a list or map is nobody's intent; an item that is
// empty, a key that is given twice, and space that a copied value or a file has at
// its end, are mistakes that would surface elsewhere.
func TestLoadTidiesValues(t *testing.T) {
	t.Setenv("NAME", "n")
	t.Setenv("KAFKA_BROKERS", " a:1, b:2 ")
	t.Setenv("EPOCHS", " nova:0, nova2:1")
	t.Setenv("PASSWORD", " with space ")
	var got sample
	require.NoError(t, config.Load(&got))
	require.Equal(t, []string{"a:1", "b:2"}, got.Kafka.Brokers)
	require.Equal(t, map[string]uint{"nova": 0, "nova2": 1}, got.Epochs)
	require.Equal(t, " with space ", got.Password.Reveal())

	t.Setenv("NAME", "n ")
	t.Setenv("KAFKA_BROKERS", "a:1,,b:2")
	t.Setenv("EPOCHS", "nova:0, nova:1")
	t.Setenv("PASSWORD", "hunter2\n")
	err := config.Load(&got)
	require.Error(t, err)
	require.ElementsMatch(t, []string{
		"NAME begins or ends in white space",
		"KAFKA_BROKERS has an empty item",
		"EPOCHS has a key twice",
		"PASSWORD ends in a line break",
	}, strings.Split(err.Error(), "\n"))
}

// A field that envconfig would fill from elsewhere, or not at all, is found when
// the program starts, not in production.
func TestMistakesOfDeclarations(t *testing.T) {
	for want, cfg := range map[string]any{
		"the field of SIZE has an envconfig tag": &struct {
			Size int `envconfig:"SIZE"`
		}{},
		"the field of KAFKA_TIMEOUT is the second of that name": &struct {
			Kafka        kafka `envconfig:"KAFKA"`
			KafkaTimeout int   `split_words:"true"`
		}{},
		"the field of SIZE is required and has a default": &struct {
			Size int `required:"true" default:"1"`
		}{},
		"the field of KAFKA is a pointer to a struct": &struct{ Kafka *kafka }{},
	} {
		require.ErrorContains(t, config.Load(cfg), want)
		require.ErrorContains(t, config.WriteTable(new(strings.Builder), cfg), want)
	}
}

// Rules of a nested struct name the whole variable, all of them at once.
func TestLoadNamesVariablesOfNestedRules(t *testing.T) {
	t.Setenv("NAME", "n")
	t.Setenv("KAFKA_TIMEOUT", "-1s")
	t.Setenv("KAFKA_BROKERS", "a,b,c")
	require.EqualError(t, config.Load(&sample{}), "KAFKA_TIMEOUT must be positive\nKAFKA_BROKERS holds more than two")
}

// A leaf is never filled from a variable of its bare name: $TIMEOUT is not
// KAFKA_TIMEOUT.
func TestLoadIgnoresBareNames(t *testing.T) {
	t.Setenv("NAME", "n")
	t.Setenv("TIMEOUT", "1h")
	var got sample
	require.NoError(t, config.Load(&got))
	require.Equal(t, 10*time.Second, got.Kafka.Timeout)
}

// A call that is not a pointer to a struct is an error, no panic.
func TestLoadRefusesOtherTypes(t *testing.T) {
	for _, cfg := range []any{nil, 1, sample{}, new(int), (*sample)(nil)} {
		require.Error(t, config.Load(cfg))
		require.Error(t, config.WriteTable(new(strings.Builder), cfg))
	}
}

// No way of printing shows a secret.
func TestSecretIsRedacted(t *testing.T) {
	secret := config.Secret("hunter2")
	encoded, err := json.Marshal(map[string]any{"s": secret})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", secret, "cfg", struct{ S config.Secret }{secret})
	for _, text := range []string{string(encoded), log.String(), fmt.Sprintf("%v %s %q %x %#v %+v", secret, secret, secret, secret, secret, struct{ S config.Secret }{secret})} {
		require.NotContains(t, text, "hunter2")
		require.NotContains(t, text, "68756e74657232")
		require.Contains(t, text, "[redacted]")
	}
	require.Equal(t, "hunter2", secret.Reveal())
	require.Empty(t, config.Secret("").String())
}

// The manual's table holds each variable with its type, default and text.
func TestWriteTable(t *testing.T) {
	var table strings.Builder
	require.NoError(t, config.WriteTable(&table, &sample{}))
	require.Equal(t, strings.TrimLeft(`
| Variable | Type | Default | Description |
|---|---|---|---|
| `+"`KAFKA_BROKERS`"+` | list of string | `+"`127.0.0.1:9092`"+` | Bootstrap brokers. |
| `+"`KAFKA_TIMEOUT`"+` | duration (such as 30s) | `+"`10s`"+` | Deadline of a request. |
| `+"`HTTP_ADDR`"+` | string | `+"`:8080`"+` | Where to listen \| both. |
| `+"`PASSWORD`"+` | secret |  | Password. |
| `+"`MAX_ROWS`"+` | int | `+"`7`"+` | Rows. |
| `+"`EPOCHS`"+` | map of string to uint (a:b,c:d) | `+"`nova:0`"+` | Epochs. |
| `+"`NAME`"+` | string | required | Name of it. |
| `+"`CASE`"+` | lettercase | `+"`upper`"+` | Case. |
`, "\n"), table.String())
}

type busy struct {
	Kafka kafka `envconfig:"KAFKA"`
}

func (busy) Defaults() map[string]string { return map[string]string{"KAFKA_TIMEOUT": "3s"} }

// A Config can want another default for a nested one: it is loaded, it gives way
// to the variable, and the table shows it.
func TestDefaulter(t *testing.T) {
	var got busy
	require.NoError(t, config.Load(&got))
	require.Equal(t, kafka{Brokers: []string{"127.0.0.1:9092"}, Timeout: 3 * time.Second}, got.Kafka)
	t.Setenv("KAFKA_TIMEOUT", "4s")
	require.NoError(t, config.Load(&got))
	require.Equal(t, 4*time.Second, got.Kafka.Timeout)
	var table strings.Builder
	require.NoError(t, config.WriteTable(&table, &got))
	require.Contains(t, table.String(), "| `KAFKA_TIMEOUT` | duration (such as 30s) | `3s` |")
}

type mistaken struct{ busy }

func (mistaken) Defaults() map[string]string { return map[string]string{"KAFKA_TIMEOT": "3s"} }

// A default for a variable that there is not is a mistake, and said to be one.
func TestDefaultOfNothing(t *testing.T) {
	require.ErrorContains(t, config.Load(&mistaken{}), "defaults for unknown variables: KAFKA_TIMEOT")
	require.ErrorContains(t, config.WriteTable(&strings.Builder{}, &mistaken{}), "KAFKA_TIMEOT")
}
