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
