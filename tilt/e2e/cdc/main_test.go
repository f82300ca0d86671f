package cdc

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scenario is what happens to PostgreSQL, and to what stands behind it.
type scenario struct {
	name string
	// full is not run in CI: it takes long, or measures.
	full bool
	run  func(*testing.T, *world)
}

// scenarios are in the order in which they run: what changes the source for good
// comes last.
func scenarios() []scenario {
	return []scenario{
		{name: "open transaction across an incremental snapshot", run: testOpenAcrossIncremental},
		{name: "open transaction across a blocking snapshot", run: testOpenAcrossBlocking},
		{name: "order in a transaction", run: testOrderInTransaction},
		{name: "copy", run: testCopy},
		{name: "incremental snapshot during writes", run: testSnapshotDuringWrites},
		{name: "read again", run: testReadAgain},
		{name: "truncate", run: testTruncate},
		{name: "truncate cascade", run: testTruncateCascade},
		{name: "truncate killed", full: true, run: testTruncateKilled},
		{name: "unchanged large text", run: testUnchangedText},
		{name: "large text", run: testLargeText},
		{name: "follows default identity", run: testFollowsDefault},
		{name: "follows keys", run: testFollowsKeys},
		{name: "drift", run: testDrift},
		{name: "dead letters", run: testDeadLetters},
		{name: "privacy", run: testPrivacy},
		{name: "workload", run: testWorkload},
		{name: "freshness", full: true, run: testFreshness},
		{name: "new topic prefix", full: true, run: testNewPrefix},
	}
}

// chosen leaves out what was not asked for.
func chosen() []scenario {
	all := scenarios()
	if text := os.Getenv("CDC_SCENARIOS"); text != "" {
		names := strings.Split(text, ",")
		return slices.DeleteFunc(all, func(s scenario) bool { return !slices.Contains(names, s.name) })
	}
	if os.Getenv("CDC_FULL") != "" {
		return all
	}
	return slices.DeleteFunc(all, func(s scenario) bool { return s.full })
}

// Whatever happens in PostgreSQL, to the connector and to cdc-ingest, every table
// and view in ClickHouse is PostgreSQL's in the end, nothing private has left
// PostgreSQL, and what cannot be stored is a dead letter with its reason.
func TestScenarios(t *testing.T) {
	seed := uint64(number(t, "CDC_SEED", int(rand.Uint32())))
	t.Logf("CDC_SEED=%d", seed)
	w := start(t, seed)
	for _, s := range chosen() {
		passed := t.Run(s.name, func(t *testing.T) {
			s.run(t, w)
			w.check(t)
		})
		if !passed {
			w.clear(t)
		}
	}
	t.Run("nothing private", w.checkPrivate)
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
