package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

// The same seed gives the same schedule, another seed another one.
func TestSameSeed(t *testing.T) {
	draw := func(seed uint64) []schedule.Round {
		var rounds []schedule.Round
		for number := 1; number <= 30; number++ {
			rounds = append(rounds, schedule.Draw(seed, number, schedule.Kinds()))
		}
		return rounds
	}
	one, same, other := draw(1), draw(1), draw(2)
	assert.Equal(t, one, same)
	assert.NotEqual(t, one, other)
}

// Every kind comes within as many rounds as there are kinds, whatever the seed, and
// the faults of a round begin in order and while records are sent.
func TestCoverage(t *testing.T) {
	for seed := range uint64(20) {
		seen := map[schedule.Kind]bool{}
		for number := 1; number <= len(schedule.Kinds()); number++ {
			round := schedule.Draw(seed, number, schedule.Kinds())
			assert.NotEmpty(t, round.Faults)
			var before time.Duration
			for _, fault := range round.Faults {
				seen[fault.Kind] = true
				assert.True(t, round.Has(fault.Kind))
				assert.GreaterOrEqual(t, fault.At, before)
				assert.Less(t, fault.At, 3*time.Second)
				before = fault.At
			}
		}
		assert.Len(t, seen, len(schedule.Kinds()))
	}
}

// A fault says what it is.
func TestString(t *testing.T) {
	assert.Equal(t, " 1.50s service killed at a point events-ingest 1 at after_plan n=2",
		schedule.Fault{Kind: schedule.Point, At: 1500 * time.Millisecond, Service: "events-ingest", Replica: 1, Point: "after_plan", N: 2}.String())
	assert.Equal(t, " 0.00s ClickHouse refuses for 2s with code 252",
		schedule.Fault{Kind: schedule.ClickHouseRefuse, For: 2 * time.Second, Code: 252}.String())
}
