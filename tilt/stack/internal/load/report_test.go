package load

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What people read does not change unnoticed.
func TestReportGolden(t *testing.T) {
	full := Report{
		Config: NewDefaultConfig(), Interrupted: true, ElapsedSeconds: 9.96, Requests: 1000, AcceptedRequests: 990, HeldBack: 12,
		Events: 10_000, AcceptedEvents: 9900, Copies: 100, Failures: map[string]int{"status 503": 8, "no answer in time": 2},
		Latency: Quantiles{Count: 992, P50: 1.2345, P90: 3.4, P99: 27.5, P999: 998, Max: 10_001},
		Refused: Quantiles{Count: 8, P50: 0.7, P99: 2},
		Probes:  20, Freshness: Quantiles{Count: 19, P50: 410, P90: 700, P99: 911, P999: 911, Max: 911},
		ProbeFailures: 1, LastProbeFailure: "asking ClickHouse for markers: it is away",
	}
	refused := Report{
		Config: NewDefaultConfig(), Refusal: "the events API refused a body: 401 why", Requests: 1, Events: 10, NotSent: 999,
		Failures: map[string]int{"status 401": 1}, Refused: Quantiles{Count: 1, P50: 1, P99: 1},
	}
	for name, report := range map[string]Report{
		"full":    full,
		"empty":   {Config: NewDefaultConfig()},
		"refused": refused,
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			require.NoError(t, report.Write(&text))
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(text.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), text.String())
		})
	}
	assert.Contains(t, full.Line(), "queryable after p50 410ms")
}

// Quantiles are those of what was recorded, to three digits; what is out of bounds
// counts as the bound.
func TestHistogram(t *testing.T) {
	h := newHistogram()
	assert.Equal(t, Quantiles{}, h.quantiles())
	for ms := range 1000 {
		h.record(time.Duration(ms+1) * time.Millisecond)
	}
	q := h.quantiles()
	assert.EqualValues(t, 1000, q.Count)
	assert.InEpsilon(t, 500, q.P50, 0.001)
	assert.InEpsilon(t, 900, q.P90, 0.001)
	assert.InEpsilon(t, 990, q.P99, 0.001)
	assert.InEpsilon(t, 999, q.P999, 0.002)
	assert.InEpsilon(t, 1000, q.Max, 0.001)
	h.record(-time.Second)
	h.record(48 * time.Hour)
	assert.InEpsilon(t, float64(time.Hour.Milliseconds()), h.quantiles().Max, 0.001)
	assert.EqualValues(t, 1002, h.quantiles().Count)
}

// Every bound is checked, and all problems are named by their flags.
func TestValidate(t *testing.T) {
	require.NoError(t, small().Validate())
	err := Config{Duplicates: 1, Skew: -1, Payload: 10, ProbeEvery: -1, ProbeTimeout: -1}.Validate()
	for _, name := range []string{
		"--url", "--rate", "--duration", "--batch", "--duplicates", "--skew", "--users", "--posts", "--payload",
		"--format", "--connections", "--timeout", "--probe ", "--probe-timeout",
	} {
		assert.ErrorContains(t, err, name)
	}
	cfg := small()
	cfg.Format, cfg.Payload = Protobuf, minProtobuf
	cfg.Ramp.Over = cfg.Duration
	require.NoError(t, cfg.Validate())
	cfg.Ramp.Over++
	require.EqualError(t, cfg.Validate(), "--ramp must not be longer than --duration")
}

// Flags set what their names say, over the defaults.
func TestFlags(t *testing.T) {
	cfg := NewDefaultConfig()
	set := flag.NewFlagSet("load", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	cfg.Flags(set)
	require.NoError(t, set.Parse(strings.Fields(`--url http://api --rate 5000 --duration 1m --ramp 30s/5 --batch 100 --duplicates 0.1
		--skew 1.1 --users 5 --posts 6 --payload 300 --format protobuf --gzip --token t --connections 7 --timeout 2s --probe 1s
		--probe-timeout 3s --seed 9`)))
	want := Config{
		URL: "http://api", Rate: 5000, Duration: time.Minute, Batch: 100, Duplicates: 0.1, Skew: 1.1, Users: 5, Posts: 6, Payload: 300,
		Format: Protobuf, Gzip: true, Token: "t", Connections: 7, Timeout: 2 * time.Second, ProbeEvery: time.Second, ProbeTimeout: 3 * time.Second, Seed: 9,
	}
	want.Ramp.Over, want.Ramp.Steps = 30*time.Second, 5
	assert.Equal(t, want, cfg)
	require.NoError(t, cfg.Validate())
	require.ErrorContains(t, set.Parse([]string{"--format", "xml"}), "want json or protobuf")
	require.ErrorContains(t, set.Parse([]string{"--ramp", "fast"}), "30s/5")
}
