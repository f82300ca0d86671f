package sample_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Numbers are drawn as often as the formula says, below, at and above the exponent
// of 1, and evenly at 0.
func TestZipf(t *testing.T) {
	const n, draws = 50, 200_000
	for _, exponent := range []float64{0, 0.5, 0.99, 1, 1.2, 3} {
		for _, head := range []float64{1, 8} {
			t.Run(fmt.Sprint(exponent, head), func(t *testing.T) {
				random := source()
				var drawn [n]float64
				for range draws {
					drawn[sample.Zipf(random, exponent, head, n)]++
				}
				var sum, chi2 float64
				for k := range n {
					sum += math.Pow(head+float64(k), -exponent)
				}
				for k := range n {
					want := draws * math.Pow(head+float64(k), -exponent) / sum
					chi2 += (drawn[k] - want) * (drawn[k] - want) / want
				}
				assert.Less(t, chi2, 90.0, "one in 3 000 such tests of the true distribution is beyond 90")
			})
		}
	}
	assert.Zero(t, sample.Zipf(source(), 1.2, 8, 1), "of one there is one to draw")
}

// An id tells its run and its number, and ids sort as their numbers do.
func TestRun(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_123)
	run, next := sample.NewRun(now), sample.NewRun(now.Add(time.Millisecond))
	require.NotEqual(t, run.ID(7), next.ID(7))
	require.EqualValues(t, 1<<40+7, sample.SequenceOf(run.ID(1<<40+7)))
	require.Less(t, run.ID(9).String(), run.ID(10).String())
	require.EqualValues(t, 8, run.ID(9).Version())
}

// Every action is drawn, and views most often.
func TestAction(t *testing.T) {
	random := source()
	drawn := map[event.Action]int{}
	for range 10_000 {
		action := sample.Action(random)
		require.True(t, action.IsKnown())
		drawn[action]++
	}
	assert.Len(t, drawn, 5)
	assert.InDelta(t, 5500, drawn[event.View], 200)
	assert.InDelta(t, 200, drawn[event.Share], 60)
}

// A device has a version, and no device has none.
func TestDevice(t *testing.T) {
	random := source()
	silent := 0
	for range 1000 {
		device, version := sample.Device(random)
		require.Equal(t, device == "", version == "")
		if device == "" {
			silent++
		}
		require.LessOrEqual(t, sample.DwellMS(random), uint32(30_200))
	}
	assert.InDelta(t, 250, silent, 50)
}
