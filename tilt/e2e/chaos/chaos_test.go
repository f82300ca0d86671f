package chaos_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/check"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// volume is what a round has; poison is far below the share that pauses a service.
func volume() workload.Volume {
	return workload.Volume{Steps: 15, Events: 1200, Changes: 300, Poison: 12, Forbidden: 6, Throwing: 6}
}

// settleAfter is how long what a zombie has left on its way may still arrive.
const settleAfter = 5 * time.Second

// With every service killed, paused and moved, with every server killed, cut off and
// refusing, in any combination, each event that is not a copy and not refused is in
// the base table once and in each view once, each refused record is a letter with its
// exact bytes, each table of changes is the source's, and every group has committed
// all of it.
//
// CHAOS_ROUNDS is the number of rounds, CHAOS_SEED what they follow from (a random one
// is printed), CHAOS_KAFKA kfake or apache, CHAOS_FAULTS the kinds of fault to draw
// from (a comma-separated list of what the table prints, or none), CHAOS_LOGS a
// directory that keeps the services' logs, CHAOS_WITHOUT a rule of delivery to leave
// out, to see how soon that shows.
func TestChaos(t *testing.T) {
	rounds := number(t, "CHAOS_ROUNDS", len(schedule.Kinds()))
	seed := uint64(number(t, "CHAOS_SEED", int(rand.Uint32())))
	kafka := os.Getenv("CHAOS_KAFKA")
	if kafka == "" {
		kafka = clustertest.Fake
	}
	t.Logf("CHAOS_SEED=%d CHAOS_ROUNDS=%d CHAOS_KAFKA=%s", seed, rounds, kafka)
	h := newHarness(t, seed, clustertest.Options{
		Kafka: kafka, Logs: os.Getenv("CHAOS_LOGS"), Env: without(), Services: map[string]int{schedule.EventsIngest: schedule.Replicas, schedule.CDCIngest: schedule.Replicas, "invalidator": 1, "jobs": 1},
	})
	defer h.report()
	for n := 1; n <= rounds; n++ {
		round := schedule.Draw(seed, n, kinds(t))
		violations := h.run(round, volume())
		t.Logf("%s\n  %.1fs, %d violations", describe(round), h.lengths[n-1].Seconds(), len(violations))
		if len(violations) > 0 {
			t.Fatalf("CHAOS_SEED=%d, %s\n%s", seed, describe(round), check.Describe(violations))
		}
	}
	<-time.After(settleAfter)
	if violations := h.settle(t.Context()); len(violations) > 0 {
		t.Fatalf("CHAOS_SEED=%d, at the end\n%s", seed, check.Describe(violations))
	}
}

func kinds(t *testing.T) []schedule.Kind {
	t.Helper()
	text := os.Getenv("CHAOS_FAULTS")
	switch text {
	case "":
		return schedule.Kinds()
	case "none":
		return nil
	}
	var chosen []schedule.Kind
	for name := range strings.SplitSeq(text, ",") {
		kind := schedule.Kind(strings.TrimSpace(name))
		require.Contains(t, schedule.Kinds(), kind)
		chosen = append(chosen, kind)
	}
	return chosen
}

func without() []string {
	if rule := os.Getenv("CHAOS_WITHOUT"); rule != "" {
		return []string{"FAILPOINTS_WITHOUT=" + rule}
	}
	return nil
}

// number reads an environment variable.
func number(t *testing.T, variable string, byDefault int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}
