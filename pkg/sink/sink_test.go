package sink_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/sink"
)

var errAway = errors.New("away")

func prepare(t *testing.T, s *sink.Sink, words string) consumer.Load {
	t.Helper()
	l, err := s.Prepare(t.Context(), records(words))
	require.NoError(t, err)
	return l
}

// A poison record between good ones becomes a letter with its exact bytes and its
// reason, before the insert without it.
func TestLettersComeBeforeTheInsert(t *testing.T) {
	s, w := open(t, nil)
	l := prepare(t, s, "a bad two skip b")
	require.Equal(t, 1, l.Rejects())
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected, "its letter is not written")
	require.Empty(t, w.stored)
	finish(t, l)

	assert.Equal(t, []string{"fill", "fill", "fill", "letters", "insert"}, w.steps)
	assert.Equal(t, []stored{{"events|3:10-20|t=7|post_events", []string{"a", "two#1", "two#2", "b"}}}, w.stored)
	require.Len(t, w.letters, 1)
	letter := w.letters[0]
	original, err := letter.Original()
	require.NoError(t, err)
	assert.Equal(t, "bad", string(original))
	assert.Equal(t, "events/3/11", letter.Origin())
	assert.Equal(t, "k1", string(letter.Key.Bytes()))
	assert.Equal(t, []byte{0xff}, letter.Headers[0].Value.Bytes())
	assert.Nil(t, letter.Headers[1].Value)
	assert.Equal(t, "syntax", letter.ErrorClass)
	assert.Equal(t, "it is bad", letter.Error)
	assert.Equal(t, "v1", letter.Schema)
	assert.Equal(t, 3, letter.RetryCount)

	assert.Equal(t, 1, w.reported)
	assert.Equal(t, map[string]int64{"syntax": 1}, w.counted("dead_letters_total", "reason"))
	assert.Equal(t, map[string]int64{"post_events": 4}, w.counted("stored_rows_total", "table"))
	assert.Equal(t, 1, strings.Count(w.log.String(), "\n"))
	assert.Contains(t, w.log.String(), "level=WARN")
	assert.Contains(t, w.log.String(), "first=events/3/11")
}

// Without a plan rows go without token.
func TestPlainBatchesHaveNoToken(t *testing.T) {
	s, w := open(t, func(d *sink.Deps) { d.Key = func(string) []string { t.Error("no key is needed"); return nil } })
	l := prepare(t, s, "a b")
	require.NoError(t, l.Store(t.Context(), consumer.Plan{}))
	l.Done(true)
	assert.Equal(t, []stored{{"", []string{"a", "b"}}}, w.stored)
}

// Whatever step fails is repeated until it succeeds, and ends as if it had not
// failed: each letter and each row once, by one Storing.
func TestFailuresAreRepeated(t *testing.T) {
	for step, want := range map[string][]string{
		"letters": {"letters", "letters", "letters", "insert"},
		"insert":  {"letters", "insert", "insert", "insert"},
	} {
		t.Run(step, func(t *testing.T) {
			s, w := open(t, nil)
			l := prepare(t, s, "a bad b bad")
			w.steps = nil
			w.failures[step] = []error{errAway, errAway}
			finish(t, l)
			assert.Equal(t, want, w.steps)
			assert.Equal(t, 1, w.begun)
			assert.Equal(t, []string{"events/3/11", "events/3/13"}, w.origins())
			assert.Len(t, w.stored, 1)
			assert.Equal(t, map[string]int64{step: 2}, w.counted("event_processing_errors_total", "step"))
		})
	}
}

// While the letters' topic is down the batch waits: nothing is stored without its
// letters, and letters that are acknowledged are not written again.
func TestLettersThatDoNotGoOutPause(t *testing.T) {
	s, w := open(t, nil)
	l := prepare(t, s, strings.Repeat("bad ", 1100)+"a")
	w.steps = nil
	w.failures["letters"] = []error{nil, errAway}
	require.ErrorIs(t, l.Bury(t.Context()), errAway)
	assert.Len(t, w.letters, 500)
	assert.Equal(t, 600, l.Rejects())
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	require.NoError(t, l.Bury(t.Context()))
	assert.Zero(t, l.Rejects())
	require.NoError(t, l.Bury(t.Context()))
	assert.Len(t, w.letters, 1100)
	assert.Equal(t, []string{"letters", "letters", "letters", "letters"}, w.steps)
	require.NoError(t, l.Store(t.Context(), plan))
	assert.Len(t, w.stored, 1)
}

// A record that its table refuses is left out with all of its rows, after its
// letter, under the same token; the others are stored.
func TestRefusedByClickHouse(t *testing.T) {
	s, w := open(t, nil)
	w.refuses = []string{"two#2", "x"}
	l := prepare(t, s, "a bad two x b x")
	w.steps = nil
	require.NoError(t, l.Bury(t.Context()))
	err := l.Store(t.Context(), plan)
	require.ErrorIs(t, err, consumer.ErrRejected)
	require.ErrorContains(t, err, "3 records")
	assert.Equal(t, 3, l.Rejects())
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected, "their letters are not written")
	finish(t, l)

	assert.Equal(t, []string{"letters", "insert", "probe", "letters", "insert"}, w.steps)
	assert.Equal(t, []stored{{"events|3:10-20|t=7|post_events", []string{"a", "b"}}}, w.stored)
	assert.Equal(t, 2, w.begun, "another block begins another Storing")
	assert.Equal(t, []string{"events/3/11", "events/3/12", "events/3/13", "events/3/15"}, w.origins())
	assert.Equal(t, "clickhouse_rejected", w.letters[1].ErrorClass)
	assert.Equal(t, "constraint on two#2", w.letters[1].Error)
	assert.Equal(t, 3, w.letters[1].RetryCount)
	assert.Equal(t, map[string]int64{"syntax": 1, "clickhouse_rejected": 3}, w.counted("dead_letters_total", "reason"))
}

// A table may come to refuse more while the batch waits: rows are told apart
// however many were left out before.
func TestRefusedByClickHouseAgain(t *testing.T) {
	s, w := open(t, nil)
	l := prepare(t, s, "a x two y b")
	w.refuses = []string{"x"}
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	require.NoError(t, l.Bury(t.Context()))
	w.refuses = []string{"x", "y", "b"}
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	finish(t, l)
	assert.Equal(t, []string{"a", "two#1", "two#2"}, w.stored[0].values)
	assert.Equal(t, []string{"events/3/11", "events/3/13", "events/3/14"}, w.origins())
}

// A batch of which nothing is left is done without an insert.
func TestNothingLeft(t *testing.T) {
	for name, words := range map[string]string{"refused": "x x", "rejected": "bad", "without rows": strings.Repeat("skip ", 2)} {
		t.Run(name, func(t *testing.T) {
			s, w := open(t, nil)
			w.refuses = []string{"x"}
			finish(t, prepare(t, s, words))
			assert.Empty(t, w.stored)
			assert.Equal(t, 1, w.reported)
		})
	}
	s, w := open(t, nil)
	l, err := s.Prepare(t.Context(), nil)
	require.NoError(t, err)
	assert.Zero(t, l.Rejects())
	finish(t, l)
	assert.Empty(t, w.steps)
}

// A view that throws is not the data: the batch is tried whole for as long as it
// takes, never split, and nothing of it becomes a letter.
func TestAFailingViewNeverSplits(t *testing.T) {
	s, w := open(t, nil)
	w.isViewBroken = true
	l := prepare(t, s, "a b")
	for range 3 {
		err := l.Store(t.Context(), plan)
		require.NotErrorIs(t, err, consumer.ErrRejected)
		require.ErrorContains(t, err, "a view of it may fail")
	}
	w.isViewBroken = false
	require.NoError(t, l.Store(t.Context(), plan))
	assert.Empty(t, w.letters)
	assert.Equal(t, []stored{{"events|3:10-20|t=7|post_events", []string{"a", "b"}}}, w.stored)
	assert.Equal(t, 1, w.begun, "the attempts are those of one block")
}

// A probe that does not come to an end refuses nobody.
func TestAFailingProbeRefusesNobody(t *testing.T) {
	s, w := open(t, nil)
	w.refuses = []string{"x"}
	w.failures["probe"] = []error{errAway}
	l := prepare(t, s, "a x")
	err := l.Store(t.Context(), plan)
	require.ErrorIs(t, err, errAway)
	require.NotErrorIs(t, err, consumer.ErrRejected)
	assert.Zero(t, l.Rejects())
	finish(t, l)
	assert.Equal(t, []string{"a"}, w.stored[0].values)
}

// Errors that are not about the data never lead to a probe.
func TestOnlyDataErrorsAreProbed(t *testing.T) {
	for _, class := range []clickhouse.Class{clickhouse.Transient, clickhouse.Overload, clickhouse.Schema, clickhouse.Statement, clickhouse.Access} {
		s, w := open(t, nil)
		w.failures["insert"] = []error{&clickhouse.Error{Class: class}}
		l := prepare(t, s, "a")
		require.Error(t, l.Store(t.Context(), plan))
		require.NoError(t, l.Store(t.Context(), plan))
		assert.Equal(t, []string{"fill", "insert", "insert"}, w.steps)
	}
}

// A stored batch is not stored again, and never under another plan.
func TestStoredOnce(t *testing.T) {
	s, w := open(t, nil)
	l := prepare(t, s, "a")
	require.NoError(t, l.Store(t.Context(), plan))
	require.NoError(t, l.Store(t.Context(), plan))
	require.ErrorContains(t, l.Store(t.Context(), consumer.Plan{Text: "another"}), "planned as")
	l.Done(true)
	l.Done(true)
	assert.Len(t, w.stored, 1)
	assert.Equal(t, 1, w.reported)
}

// A batch that is forgotten reports nothing.
func TestForgottenBatches(t *testing.T) {
	s, w := open(t, nil)
	l := prepare(t, s, "a")
	require.NoError(t, l.Store(t.Context(), plan))
	l.Done(false)
	assert.Zero(t, w.reported)
	assert.Empty(t, w.counted("stored_rows_total", "table"))
}

// The points of fault tests lie where their names say.
func TestFailpoints(t *testing.T) {
	var points *failpoint.Set
	s, w := open(t, func(d *sink.Deps) { points = d.Failpoints })
	passes := func() [2]int64 {
		return [2]int64{points.Passes(failpoint.AfterLetter), points.Passes(failpoint.AfterInsert)}
	}
	w.failures["letters"], w.failures["insert"] = []error{errAway}, []error{errAway}
	l := prepare(t, s, "a bad")
	require.Error(t, l.Bury(t.Context()))
	assert.Equal(t, [2]int64{0, 0}, passes())
	require.NoError(t, l.Bury(t.Context()))
	assert.Equal(t, [2]int64{1, 0}, passes())
	require.Error(t, l.Store(t.Context(), plan))
	assert.Equal(t, [2]int64{1, 0}, passes())
	require.NoError(t, l.Store(t.Context(), plan))
	assert.Equal(t, [2]int64{1, 1}, passes())
}

// A fault test may store first and bury later, to see that it loses records.
func TestLettersFirstCanBeSwitchedOff(t *testing.T) {
	s, w := open(t, func(d *sink.Deps) {
		d.Failpoints = failpoint.New(failpoint.Config{Enabled: true, Without: []string{"letters_first"}}, d.Log)
	})
	l := prepare(t, s, "a bad")
	require.NoError(t, l.Store(t.Context(), plan))
	assert.Len(t, w.stored, 1)
	require.NoError(t, l.Bury(t.Context()))
	assert.Len(t, w.letters, 1)
}

// Missing dependencies are named, all of them.
func TestDependencies(t *testing.T) {
	_, err := sink.New(sink.Deps{})
	for _, name := range []string{"NewBatch", "Writer", "Letters", "Guard", "Key", "Log", "Meter"} {
		require.ErrorContains(t, err, "dependency "+name)
	}
}

// Of a batch with a record that panics and one that the table refuses, each becomes
// its own letter, and the others are stored.
func TestPanicAndRefusal(t *testing.T) {
	s, w := open(t, nil)
	w.refuses = []string{"x"}
	l := prepare(t, s, "panic a x b")
	require.Equal(t, 1, l.Rejects())
	finish(t, l)
	assert.Equal(t, []string{"a", "b"}, w.stored[0].values)
	assert.Equal(t, []string{"events/3/10", "events/3/12"}, w.origins())
}
