package definition_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/services/jobs/internal/definition"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key = `{"name":"trending-1h"}`
	row = `{"name":"trending-1h","kind":"trending","schedule":"@every 60s","enabled":true,"params":"{\"window\": \"1h\"}","updated_at":"2026-03-01T10:20:30.000000Z"}`
)

// envelope is a record's value as Debezium writes it.
func envelope(op, before, after string) string {
	return `{"before":` + before + `,"after":` + after + `,"source":{"name":"nova","lsn":1,"snapshot":"false"},"op":"` + op + `","ts_ms":1764000000000}`
}

func wrapped(payload string) string { return `{"schema":{"type":"struct"},"payload":` + payload + `}` }

var trending = definition.Definition{
	Name: "trending-1h", Kind: "trending", Schedule: "@every 60s", Enabled: true,
	Params: `{"window": "1h"}`, UpdatedAt: "2026-03-01T10:20:30.000000Z",
}

// Every form in which a definition arrives says the same, and every form of its
// end removes it.
func TestDecode(t *testing.T) {
	bare := trending
	bare.Params, bare.UpdatedAt = "{}", ""
	deleted := `{"name":"trending-1h","kind":"","schedule":"","enabled":true,"params":"{}","updated_at":"1970-01-01T00:00:00.000000Z"}`
	for name, test := range map[string]struct {
		key, value string
		want       *definition.Definition
	}{
		"created":           {key, envelope("c", "null", row), &trending},
		"updated":           {key, envelope("u", "null", row), &trending},
		"snapshot":          {key, envelope("r", "null", row), &trending},
		"with schema":       {wrapped(key), wrapped(envelope("c", "null", row)), &trending},
		"without a key":     {"", envelope("c", "null", row), &trending},
		"params as JSON":    {key, envelope("c", "null", strings.Replace(row, `"{\"window\": \"1h\"}"`, `{"window": "1h"}`, 1)), &trending},
		"defaults":          {key, envelope("c", "null", `{"name":"trending-1h","kind":"trending","schedule":"@every 60s"}`), &bare},
		"nulls":             {key, envelope("c", "null", `{"name":"trending-1h","kind":"trending","schedule":"@every 60s","params":null,"updated_at":null}`), &bare},
		"deleted":           {key, envelope("d", deleted, "null"), nil},
		"deleted, by key":   {wrapped(key), envelope("d", "{}", "null"), nil},
		"tombstone":         {key, "", nil},
		"tombstone, schema": {wrapped(key), "", nil},
	} {
		var value []byte
		if test.value != "" {
			value = []byte(test.value)
		}
		var decoder definition.Decoder
		change, isChange, err := decoder.Decode([]byte(test.key), value)
		require.NoError(t, err, name)
		assert.True(t, isChange, name)
		assert.Equal(t, definition.Change{Name: "trending-1h", Definition: test.want}, change, name)
	}
}

// Records that are about no row are passed; those that cannot be understood are
// errors that say where, and one does not spoil the next.
func TestDecodeRefuses(t *testing.T) {
	var decoder definition.Decoder
	for name, test := range map[string]struct{ key, value, reason string }{
		"heartbeat":          {"", `{"ts_ms":1}`, ""},
		"message":            {"", envelope("m", "null", "null"), ""},
		"no JSON":            {key, "trending", "malformed JSON"},
		"flattened":          {key, row, "flattened"},
		"truncate":           {key, envelope("t", "null", "null"), "delete the rows"},
		"no name":            {key, envelope("c", "null", `{"kind":"trending","schedule":"@daily"}`), "column name is missing"},
		"a number":           {key, envelope("c", "null", `{"name":1,"kind":null,"schedule":"@daily"}`), "column kind"},
		"enabled":            {key, envelope("c", "null", strings.Replace(row, "true", `"yes"`, 1)), "expected a boolean"},
		"tombstone, no key":  {"", "", "reading the key"},
		"tombstone, no name": {`{"id":1}`, "", "the key has no name"},
		"good":               {key, envelope("c", "null", row), ""},
	} {
		value := []byte(test.value)
		if test.value == "" {
			value = nil
		}
		_, isChange, err := decoder.Decode([]byte(test.key), value)
		if test.reason == "" {
			require.NoError(t, err, name)
			assert.Equal(t, name == "good", isChange, name)
			continue
		}
		assert.ErrorContains(t, err, test.reason, name)
		assert.False(t, isChange, name)
	}
}

// A definition that was written again, whatever was changed, gets another run;
// the same one does not.
func TestTick(t *testing.T) {
	assert.Regexp(t, "^def-[0-9a-f]{8}$", trending.Tick())
	seen := map[string]bool{trending.Tick(): true}
	for _, change := range []func(*definition.Definition){
		func(d *definition.Definition) { d.Name = "other" },
		func(d *definition.Definition) { d.Kind = "other" },
		func(d *definition.Definition) { d.Schedule = "@daily" },
		func(d *definition.Definition) { d.Enabled = false },
		func(d *definition.Definition) { d.Params = "{}" },
		func(d *definition.Definition) { d.UpdatedAt = "" },
		func(d *definition.Definition) { d.Name, d.Kind = d.Name+d.Kind, "" },
	} {
		changed := trending
		change(&changed)
		assert.False(t, seen[changed.Tick()])
		seen[changed.Tick()] = true
	}
}

// Names are those that PostgreSQL's table takes.
func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "0", "trending-1h", "a_b", strings.Repeat("x", 63)} {
		assert.NoError(t, definition.CheckName(name), name)
	}
	for _, name := range []string{"", "-a", "_a", "A", "a b", "a:b", "ä", strings.Repeat("x", 64)} {
		assert.Error(t, definition.CheckName(name), name)
	}
}

// YAML and JSON say the same, with parameters as a map or as text.
func TestParseFile(t *testing.T) {
	want := []definition.Definition{trending}
	want[0].Params = `{"window":"1h"}`
	for _, text := range []string{
		"- name: trending-1h\n  kind: trending\n  schedule: '@every 60s'\n  params: {window: 1h}\n  updated_at: 2026-03-01T10:20:30.000000Z\n",
		"- name: trending-1h\n  kind: trending\n  schedule: '@every 60s'\n  enabled: true\n  params: '{\"window\":\"1h\"}'\n  updated_at: '2026-03-01T10:20:30.000000Z'\n",
		`[{"name":"trending-1h","kind":"trending","schedule":"@every 60s","enabled":true,"params":{"window":"1h"},"updated_at":"2026-03-01T10:20:30.000000Z"}]`,
	} {
		got, err := definition.ParseFile([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	none, err := definition.ParseFile([]byte("[]"))
	require.NoError(t, err)
	assert.Empty(t, none)
}

// A file that says what no row could is refused as a whole.
func TestParseFileRefuses(t *testing.T) {
	for text, reason := range map[string]string{
		"":                         "the file is empty",
		" \n":                      "the file is empty",
		"jobs: []":                 "reading the definitions",
		"- name: a\n  retries: 3":  "retries",
		"- name: a\n- name: a":     `another with the name "a"`,
		"- name: a\n  enabled: hm": "reading the definitions",
		"- name: [":                "reading the definitions",
	} {
		_, err := definition.ParseFile([]byte(text))
		assert.ErrorContains(t, err, reason, text)
	}
}

// A change of the file is noticed, one that cannot be read is told once, and
// writing the same again changes nothing.
func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	synctest.Test(t, func(t *testing.T) { watch(t, path) })
}

func watch(t *testing.T, path string) {
	t.Helper()
	told := make(chan string, 9)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- definition.File{
			Path: path,
			Changed: func(definitions []definition.Definition) {
				names := make([]string, len(definitions))
				for i, d := range definitions {
					names[i] = d.Name
				}
				told <- strings.Join(names, ",")
			},
			Failed: func(err error) { told <- err.Error() },
		}.Watch(ctx)
	}()
	next := func() string {
		select {
		case said := <-told:
			return said
		case <-time.After(10 * time.Second):
			return "nothing"
		}
	}
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	assert.Contains(t, next(), "no such file")
	write("- name: a\n")
	assert.Equal(t, "a", next())
	write("- name: [\n")
	assert.Contains(t, next(), "reading the definitions")
	write("- name: a\n- name: b\n")
	assert.Equal(t, "a,b", next())
	stop()
	assert.NoError(t, <-done)
	assert.Empty(t, told)
}

// A definition in a file that does not say when it was written was with the file,
// so that going back to an earlier one is a new one, which runs; a change of one
// leaves the others as they were.
func TestFileDatesDefinitions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	synctest.Test(t, func(t *testing.T) {
		told := make(chan []definition.Definition, 9)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		at := time.Date(2026, 3, 1, 10, 20, 30, 5e6, time.UTC)
		next := func(text string) []definition.Definition {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			at = at.Add(time.Second)
			require.NoError(t, os.Chtimes(path, at, at))
			return <-told
		}
		go func() {
			done <- definition.File{
				Path:    path,
				Changed: func(definitions []definition.Definition) { told <- definitions },
				Failed:  func(err error) { assert.ErrorIs(t, err, os.ErrNotExist) },
			}.Watch(ctx)
		}()
		synctest.Wait()
		const rest = "- {name: b, schedule: '@daily'}\n- {name: c, updated_at: then}\n"
		first := next("- {name: a, schedule: '@daily'}\n" + rest)
		second := next("- {name: a, schedule: '@hourly'}\n" + rest)
		third := next("- {name: a, schedule: '@daily'}\n" + rest)
		stop()
		require.NoError(t, <-done)

		assert.Equal(t, "2026-03-01T10:20:31.005Z", first[0].UpdatedAt)
		assert.Equal(t, "2026-03-01T10:20:32.005Z", second[0].UpdatedAt)
		assert.Equal(t, "2026-03-01T10:20:33.005Z", third[0].UpdatedAt)
		assert.NotEqual(t, first[0].Tick(), third[0].Tick())
		assert.Equal(t, first[1:], third[1:])
		assert.Equal(t, "then", first[2].UpdatedAt)
	})
}

// Whatever lies on the topic: a change with a name that can be told again, or an
// error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(key), []byte(envelope("c", "null", row)))
	f.Add([]byte(wrapped(key)), []byte(wrapped(envelope("d", row, "null"))))
	f.Add([]byte(key), []byte(nil))
	f.Add([]byte(`{"payload":{"name":"a"}}`), []byte(envelope("u", "null", `{"name":"a","kind":"k","schedule":"s","params":{}}`)))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(value) == 0 {
			value = nil
		}
		var decoder definition.Decoder
		change, isChange, err := decoder.Decode(key, value)
		if err != nil || !isChange {
			assert.Equal(t, definition.Change{}, change)
			return
		}
		if change.Definition != nil {
			assert.Equal(t, change.Name, change.Definition.Name)
			assert.NotEmpty(t, change.Definition.ParamsJSON())
		}
	})
}

// Whatever is in a file: definitions of different names, or an error.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte("- name: a\n  params: {window: 1h, x: [1, {y: null}]}\n"))
	f.Add([]byte(`[{"name":"a","enabled":false}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		definitions, err := definition.ParseFile(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, d := range definitions {
			assert.False(t, seen[d.Name])
			seen[d.Name] = true
		}
	})
}
