package chaos_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/check"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// demonstration is a crash at a point that one rule of delivery is there for.
type demonstration struct {
	// rule is the one that is left out.
	rule  string
	point string
	// isRefused plants a constraint, and takes it back while the service is dead.
	isRefused bool
	// where and harm are what must be found without the rule.
	where string
	harm  check.Harm
}

// Each rule of delivery is needed, and its absence is noticed: after a crash at the
// same point the harness finds nothing with the rule, and a violation without it.
func TestDemonstrations(t *testing.T) {
	for _, d := range []demonstration{
		{rule: "view_dedup", point: "after_insert", where: "post_engagement_hourly", harm: check.Doubled},
		{rule: "plan", point: "after_insert", where: "post_events", harm: check.Doubled},
		{rule: "claim_coordinates", point: "after_claim", where: "post_events", harm: check.Lost},
		{rule: "letters_first", point: "after_insert", isRefused: true, where: "events-dlq", harm: check.Lost},
	} {
		t.Run("with "+d.rule, func(t *testing.T) {
			violations := d.run(t, nil)
			require.Empty(t, violations, check.Describe(violations))
		})
		t.Run("without "+d.rule, func(t *testing.T) {
			violations := d.run(t, []string{"FAILPOINTS_WITHOUT=" + d.rule})
			t.Logf("found:\n%s", check.Describe(violations))
			require.True(t, d.isFound(violations), "no record is %s in %s", d.harm, d.where)
		})
	}
}

func (d demonstration) isFound(violations []check.Violation) bool {
	for _, v := range violations {
		if v.Where == d.where && v.Harm == d.harm {
			return true
		}
	}
	return false
}

// unsuspected is how long ClickHouse must have been up for the service to trust what
// it says of tokens, and not to look for the rows.
const unsuspected = 12 * time.Second

// run kills the one replica at the point, while it has a batch in hand. More records
// come before it is back, so that a batch that was not planned is another one then.
func (d demonstration) run(t *testing.T, env []string) []check.Violation {
	t.Helper()
	const seed = 1
	h := newHarness(t, seed, clustertest.Options{
		// One batch has the events of all partitions.
		Kafka: clustertest.Fake, Services: map[string]int{schedule.EventsIngest: 1}, Env: append(env, "BATCH_AGE=1s"),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	volume := workload.Volume{Steps: 1, Events: 200}
	h.send(ctx, volume) // every partition has a commit, from which it goes on
	late, err := h.auditor.AwaitQuiet(ctx)
	require.NoError(t, err)
	require.Empty(t, late)
	if d.isRefused {
		<-time.After(time.Until(began.Add(unsuspected)))
		require.NoError(t, h.faults.Prepare(ctx, schedule.Round{Faults: []schedule.Fault{{Kind: schedule.Constraint}}}))
		volume.Forbidden = 5
	}

	replica := h.cluster.Replicas(schedule.EventsIngest)[0]
	require.NoError(t, replica.Arm(ctx, d.point, 1))
	h.send(ctx, volume)
	require.Eventually(t, func() bool { return replica.Kills() == 1 }, quietWithin, time.Millisecond, "the replica was not killed")
	require.NoError(t, h.faults.Finish(ctx))
	volume.Forbidden = 0
	h.send(ctx, volume)
	return h.settle(ctx)
}

// send sends a round at once, and straight to Kafka: the API may be dead.
func (h *harness) send(ctx context.Context, volume workload.Volume) {
	h.t.Helper()
	round := h.work.Round(volume)
	for _, step := range append(round.Steps, round.Late) {
		require.NoError(h.t, h.kafka.Append(ctx, step.Records))
	}
}
