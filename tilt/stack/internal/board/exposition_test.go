package board

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const exposed = `# HELP consumer_lag Records behind.
# TYPE consumer_lag gauge
consumer_lag{topic="cdc.posts",partition="0"} 3
consumer_lag{topic="cdc.posts",partition="1"} 4 1795478400123
plain_total 1.5e+03
odd{path="a}b",quote="\"}",le_not="9"} 2
wait_seconds_bucket{table="a",le="0.1"} 10
wait_seconds_bucket{table="a",le="1"} 20
wait_seconds_bucket{table="a",le="+Inf"} 20
wait_seconds_bucket{table="b",le="0.1"} 0
wait_seconds_bucket{table="b",le="1"} 60
wait_seconds_bucket{table="b",le="+Inf"} 80
wait_seconds_sum{table="a"} 9
wait_seconds_count{table="a"} 20
`

func parsed(t *testing.T, text string) exposition {
	t.Helper()
	e, err := parseExposition(strings.NewReader(text))
	require.NoError(t, err)
	return e
}

// A metric is the sum, or the maximum, over its label sets; one that is not there is unknown,
// not zero.
func TestExpositionSums(t *testing.T) {
	e := parsed(t, exposed)
	assert.InDelta(t, 7, e.sum("consumer_lag"), 0)
	assert.InDelta(t, 7, e.total(series{"consumer_lag", "topic", "cdc.posts"}), 0)
	assert.InDelta(t, 0, e.total(series{"consumer_lag", "topic", "cdc.users"}), 0)
	assert.InDelta(t, 1500, e.sum("plain_total"), 0)
	assert.InDelta(t, 2, e.sum("odd"), 0)
	assert.InDelta(t, -1, e.sum("absent"), 0)
	assert.InDelta(t, 4, e.most("consumer_lag"), 0)
	assert.InDelta(t, -1, e.most("absent"), 0)
	assert.InDelta(t, 0, e.total(series{metric: "absent"}), 0, "a counter that has counted nothing")
	assert.InDelta(t, -1, exposition{}.total(series{metric: "absent"}), 0, "a service that did not answer")
}

// Quantiles are of what came since the earlier reading, over all label sets,
// and start anew with a restarted service.
func TestExpositionQuantile(t *testing.T) {
	now, nothing, wait := parsed(t, exposed), parsed(t, ""), series{metric: "wait_seconds"}
	assert.InDelta(t, 0.1, now.quantile(wait, 0.1, nothing), 1e-9)
	assert.InDelta(t, 0.55, now.quantile(wait, 0.45, nothing), 1e-9)
	assert.InDelta(t, 1, now.quantile(wait, 0.99, nothing), 1e-9, "beyond the last bound")
	assert.InDelta(t, -1, now.quantile(wait, 0.5, now), 0, "nothing new")
	assert.InDelta(t, -1, now.quantile(series{metric: "absent"}, 0.5, nothing), 0)

	earlier := parsed(t, "wait_seconds_bucket{le=\"0.1\"} 10\nwait_seconds_bucket{le=\"1\"} 70\nwait_seconds_bucket{le=\"+Inf\"} 70\n")
	assert.InDelta(t, 0.55, now.quantile(wait, 1.0/6, earlier), 1e-9)
	restarted := parsed(t, "wait_seconds_bucket{le=\"0.1\"} 4\nwait_seconds_bucket{le=\"1\"} 4\nwait_seconds_bucket{le=\"+Inf\"} 4\n")
	assert.InDelta(t, 0.05, restarted.quantile(wait, 0.5, now), 1e-9)
}

// A histogram of several phases is one for each, and their sum without one.
func TestExpositionQuantileOfOneLabel(t *testing.T) {
	e := parsed(t, `lag_ms_bucket{phase="index",le="10"} 10
lag_ms_bucket{phase="index",le="+Inf"} 10
lag_ms_bucket{phase="again",le="10"} 0
lag_ms_bucket{phase="again",le="20"} 30
lag_ms_bucket{phase="again",le="+Inf"} 30
`)
	assert.InDelta(t, 5, e.quantile(series{"lag_ms", "phase", "index"}, 0.5, exposition{}), 1e-9)
	assert.InDelta(t, 15, e.quantile(series{"lag_ms", "phase", "again"}, 0.5, exposition{}), 1e-9)
	assert.InDelta(t, -1, e.quantile(series{"lag_ms", "phase", "sweep"}, 0.5, exposition{}), 0)
	assert.InDelta(t, 10, e.quantile(series{metric: "lag_ms"}, 0.25, exposition{}), 1e-9)
}

// Text that is no exposition is an error.
func TestExpositionRefuses(t *testing.T) {
	for _, text := range []string{"name", "name{a=\"b\" 1", "name one", "name{}"} {
		_, err := parseExposition(strings.NewReader(text))
		assert.Error(t, err, text)
	}
}

// Nothing that a service answers makes the board fail.
func FuzzParseExposition(f *testing.F) {
	f.Add(exposed)
	f.Add("a{le=\"")
	f.Add("_bucket{le=\"NaN\"} NaN\nx_bucket{le=\"-Inf\"} +Inf")
	f.Fuzz(func(_ *testing.T, text string) {
		e, err := parseExposition(strings.NewReader(text))
		if err != nil {
			return
		}
		for of := range e.buckets {
			count(e.quantile(of, 0.5, exposition{}))
			seconds(e.quantile(of, 0.99, e))
		}
		for of := range e.sums {
			rate(e.total(of))
			rate(e.most(of.metric))
		}
	})
}
