package trending_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/jobs/internal/trending"
)

// Windows are those that the sums can be exact for; others are refused with what
// is allowed.
func TestParseWindow(t *testing.T) {
	for text, span := range map[string]time.Duration{
		"1m": time.Minute, "90m": 90 * time.Minute, "1h": time.Hour, "24h": 24 * time.Hour, "7d": 168 * time.Hour,
		"31d": 744 * time.Hour, "1440m": 24 * time.Hour, "1500m": 25 * time.Hour, "44640m": 744 * time.Hour,
	} {
		w, err := trending.ParseWindow(text)
		require.NoError(t, err, text)
		assert.Equal(t, trending.Window{Text: text, Span: span}, w)
	}
	const form, hours = "must be a whole number and m, h or d", "must be whole hours"
	for text, reason := range map[string]string{
		"": form, "h": form, "0h": form, "01h": form, "1": form, "1s": form, "1w": form, "1.5h": form, "-1h": form, "1h\n": form,
		"32d": form, "745h": form, "99999d": form, "100000m": form, "1h30m": form, "1441m": hours, "1530m": hours,
	} {
		_, err := trending.ParseWindow(text)
		assert.ErrorContains(t, err, reason, text)
	}
}

// Parameters that are right give what they say and defaults; those that are not
// are refused with everything that is wrong.
func TestParseParams(t *testing.T) {
	hour := trending.Window{Text: "1h", Span: time.Hour}
	for text, want := range map[string]trending.Params{
		`{"window":"1h"}`:                               {Window: hour, TopK: 100},
		`{"window": "1h", "top_k": 7}`:                  {Window: hour, TopK: 7},
		`{"window":"1h","top_k":1000,"decay":"6h"}`:     {Window: hour, TopK: 1000, HalfLife: 6 * time.Hour},
		"{\"decay\":\"90m\",\n\"window\":\"1h\"}\n\t\n": {Window: hour, TopK: 100, HalfLife: 90 * time.Minute},
	} {
		got, err := trending.ParseParams([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	const window, topK, unknown = "params.window: must be a whole number", "params.top_k: must be a whole number from 1 to 1000", "is unknown; there are"
	for text, reasons := range map[string][]string{
		``:                               {"params: must be a JSON object"},
		`null`:                           {"params: must be a JSON object"},
		`[]`:                             {"params: must be a JSON object"},
		`{"window":"1h"}{}`:              {"params: must be one JSON object"},
		`{}`:                             {"params.window: is required"},
		`{"window":1}`:                   {window},
		`{"window":null}`:                {window},
		`{"window":"1h","Window":"1h"}`:  {"params.Window: " + unknown},
		`{"window":"1h","top_k":0}`:      {topK},
		`{"window":"1h","top_k":1001}`:   {topK},
		`{"window":"1h","top_k":1.5}`:    {topK},
		`{"window":"1h","top_k":"7"}`:    {topK},
		`{"window":"1h","top_k":null}`:   {topK},
		`{"window":"1h","decay":"0h"}`:   {"params.decay: must be a whole number and m, h or d"},
		`{"top_k":-1,"decay":2,"x":"y"}`: {"params.window: is required", topK, "params.decay:", "params.x: " + unknown},
	} {
		_, err := trending.ParseParams([]byte(text))
		for _, reason := range reasons {
			assert.ErrorContains(t, err, reason, text)
		}
	}
}

// Whatever the parameters: an error, or values within their bounds.
func FuzzParseParams(f *testing.F) {
	f.Add([]byte(`{"window":"1h","top_k":100,"decay":"6h"}`))
	f.Add([]byte(`{"window":"1441m"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		params, err := trending.ParseParams(text)
		if err != nil {
			return
		}
		assert.GreaterOrEqual(t, params.TopK, 1)
		assert.LessOrEqual(t, params.TopK, 1000)
		assert.GreaterOrEqual(t, params.Window.Span, time.Minute)
		assert.LessOrEqual(t, params.Window.Span, 31*24*time.Hour)
	})
}
