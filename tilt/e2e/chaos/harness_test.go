package chaos_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/check"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/fault"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

const (
	partitions = 12 // as the topics are declared
	// quietWithin is how long the system may take to be done with a round.
	quietWithin = time.Minute
	// roundWithin is how long a round is to take, when the machine is free.
	roundWithin = 20 * time.Second
	sendWithin  = 90 * time.Second
)

// harness is a cluster, its workload and its auditor.
type harness struct {
	t       *testing.T
	seed    uint64
	cluster *clustertest.Cluster
	kafka   *kafkaio.Client
	work    *workload.Generator
	auditor *check.Auditor
	faults  *fault.Runner
	lengths []time.Duration
}

// newHarness starts a cluster. With one replica nothing is sent through its API,
// which is dead at times.
func newHarness(t *testing.T, seed uint64, options clustertest.Options) *harness {
	t.Helper()
	h := &harness{t: t, seed: seed, cluster: clustertest.Start(t, options)}
	h.kafka = kafkaio.New(h.cluster.Kafka.Brokers())
	t.Cleanup(h.kafka.Close)
	start := time.Now().Truncate(time.Second)
	hasChanges := options.Services[schedule.CDCIngest] > 0
	h.work = workload.New(workload.Config{Seed: seed, Start: start, Partitions: partitions, Changes: hasChanges, API: options.Services[schedule.EventsIngest] > 1})
	h.auditor = check.New(check.Deps{
		Kafka: h.kafka, Truth: h.work, Start: start, Changes: hasChanges, Groups: groups(options.Services),
		Query: func(ctx context.Context, sql string) (string, error) { return h.cluster.ClickHouse.Do(ctx, sql, nil) },
	})
	h.faults = fault.New(h.cluster, t.Logf)
	return h
}

// groups is what each service that runs must have committed.
func groups(services map[string]int) map[string][]string {
	var changes []string
	for _, table := range workload.Tables() {
		changes = append(changes, table.Topic())
	}
	all := map[string][]string{
		"events-ingest": {workload.Topic},
		"cdc-ingest":    changes,
		"invalidator":   {workload.Topic, "cdc.posts", "cdc.follows", "cdc.users"},
		"jobs":          {"cdc.job_definitions"},
	}
	committed := map[string][]string{}
	for service, replicas := range services {
		if replicas > 0 {
			committed["nova-"+service] = all[service]
		}
	}
	return committed
}

// run sends one round, does its faults meanwhile, waits until all is quiet and
// returns what is not as it must be.
func (h *harness) run(round schedule.Round, volume workload.Volume) []check.Violation {
	h.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Minute)
	defer cancel()
	if !round.Has(schedule.Constraint) {
		volume.Forbidden = 0
	}
	sent := h.work.Round(volume)
	require.NoError(h.t, h.faults.Prepare(ctx, round))
	s := &sender{kafka: h.kafka, api: slices.Clone(h.cluster.Replicas(schedule.EventsIngest))}
	sending := s.start(ctx, sent.Steps)
	require.NoError(h.t, h.faults.Run(ctx, time.Now()))
	require.NoError(h.t, h.faults.Heal(ctx))
	require.NoError(h.t, <-sending)
	require.NoError(h.t, s.send(ctx, sent.Late))

	violations := h.settle(ctx)
	h.lengths = append(h.lengths, time.Since(began))
	return violations
}

// settle waits until all is quiet, undoes what lasted until then, and checks.
func (h *harness) settle(ctx context.Context) []check.Violation {
	h.t.Helper()
	patient, cancel := context.WithTimeout(ctx, quietWithin)
	defer cancel()
	violations, err := h.auditor.AwaitQuiet(patient)
	require.NoError(h.t, err)
	require.NoError(h.t, h.faults.Finish(ctx))
	if len(violations) > 0 { // it would only show what has not come yet
		return violations
	}
	violations, err = h.auditor.Check(ctx)
	require.NoError(h.t, err)
	for _, problem := range slices.Concat(h.cluster.Problems(), h.faults.Problems()) {
		violations = append(violations, check.Violation{Where: "processes", Harm: check.Wrong, Detail: problem})
	}
	for _, stray := range h.cluster.Strays() {
		violations = append(violations, check.Violation{Where: "processes", Harm: check.Wrong, Detail: "it should not run: " + stray})
	}
	return violations
}

// describe is a round's schedule in words.
func describe(round schedule.Round) string {
	lines := []string{fmt.Sprintf("round %d", round.Number)}
	for _, f := range round.Faults {
		lines = append(lines, "  "+f.String())
	}
	return strings.Join(lines, "\n")
}

// report prints the table of faults and how long the rounds took.
func (h *harness) report() {
	var text strings.Builder
	fmt.Fprintf(&text, "%-36s %6s %7s\n", "fault", "drawn", "struck")
	tallies := h.faults.Tallies()
	drawn, struck := 0, 0
	for _, kind := range slices.Sorted(maps.Keys(tallies)) {
		tally := tallies[kind]
		fmt.Fprintf(&text, "%-36s %6d %7d\n", kind, tally.Drawn, tally.Struck)
		drawn, struck = drawn+tally.Drawn, struck+tally.Struck
	}
	fmt.Fprintf(&text, "%-36s %6d %7d\n", "all", drawn, struck)
	var sum, longest time.Duration
	late := 0
	for _, length := range h.lengths {
		sum, longest = sum+length, max(longest, length)
		if length > roundWithin {
			late++
		}
	}
	if n := len(h.lengths); n > 0 {
		fmt.Fprintf(&text, "%d rounds, mean %.1fs, longest %.1fs, %d of them above %v",
			n, (sum / time.Duration(n)).Seconds(), longest.Seconds(), late, roundWithin)
	}
	h.t.Logf("seed %d\n%s", h.seed, &text)
}
