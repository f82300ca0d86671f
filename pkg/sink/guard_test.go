package sink_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/sink"
)

// guarded opens a sink with a guard at hand.
func guarded(t *testing.T) (*sink.Sink, *world, *dlq.Guard) {
	t.Helper()
	var guard *dlq.Guard
	s, w := open(t, func(d *sink.Deps) {
		var isGuard bool
		guard, isGuard = d.Guard.(*dlq.Guard)
		require.True(t, isGuard)
	})
	return s, w, guard
}

// from moves records to offsets from first on.
func from(first int64, all []consumer.Record) []consumer.Record {
	for i := range all {
		all[i].Offset = first + int64(i)
	}
	return all
}

// Poison in a row pauses the service: the batch that crosses the line is finished,
// the next is not begun, one that is prepared writes no letters, and all goes on
// when an operator resumes.
func TestTooManyLettersPause(t *testing.T) {
	s, w, guard := guarded(t)
	crossing := prepare(t, s, "a "+strings.Repeat("bad ", 600)+"b")
	ahead, err := s.Prepare(t.Context(), from(10_000, records("c bad")))
	require.NoError(t, err)
	finish(t, crossing)
	assert.Len(t, w.letters, 600)
	assert.Equal(t, []string{"a", "b"}, w.stored[0].values)

	_, err = s.Prepare(t.Context(), from(20_000, records("d")))
	require.ErrorIs(t, err, dlq.ErrTripped)
	require.ErrorContains(t, err, "20 of the last 21 records")
	require.ErrorIs(t, ahead.Bury(t.Context()), dlq.ErrTripped)
	assert.Len(t, w.letters, 600)
	assert.Equal(t, map[string]int64{"guard": 2}, w.counted("event_processing_errors_total", "step"))

	guard.Resume()
	finish(t, ahead)
	l, err := s.Prepare(t.Context(), from(20_000, records("d")))
	require.NoError(t, err)
	finish(t, l)
	assert.Len(t, w.stored, 3)
}

// Redriven records that become letters again, which come in a burst, pause nothing,
// be they refused before the insert or by the table.
func TestRedrivenLettersPauseNothing(t *testing.T) {
	s, w, guard := guarded(t)
	w.refuses = []string{"odd"}
	all := records(strings.Repeat("bad ", 100) + strings.Repeat("odd ", 100) + strings.Repeat("a ", 50))
	for i := range all {
		all[i].Headers = append(all[i].Headers, consumer.Header{Key: dlq.HeaderOrigin, Value: []byte("events/0/1")})
	}
	l, err := s.Prepare(t.Context(), all)
	require.NoError(t, err)
	finish(t, l)
	assert.Equal(t, 200, len(w.letters)) //nolint:testifylint // which would print them
	require.NoError(t, guard.Check())
	l, err = s.Prepare(t.Context(), from(10_000, records(strings.Repeat("bad ", 20))))
	require.NoError(t, err)
	finish(t, l)
	require.ErrorContains(t, guard.Check(), "20 of the last 170 records")
}

// Letters count against the records around them, in their order: spread over a
// large batch they are few, in a row they are many.
func TestTheOrderOfRecordsCounts(t *testing.T) {
	for name, test := range map[string]struct {
		words     string
		isTripped bool
	}{
		"2 % of 5 000":     {strings.Repeat(strings.Repeat("a ", 49)+"bad ", 100), false},
		"100 in a row":     {strings.Repeat("a ", 4900) + strings.Repeat("bad ", 100), true},
		"100 at the start": {strings.Repeat("bad ", 100) + strings.Repeat("a ", 4900), true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, guard := guarded(t)
			finish(t, prepare(t, s, test.words))
			assert.Equal(t, test.isTripped, guard.Check() != nil)
		})
	}
}

// Records without letters count when they are committed, so that few letters in
// long good times do not pause.
func TestGoodBatchesCount(t *testing.T) {
	s, _, guard := guarded(t)
	finish(t, prepare(t, s, strings.Repeat("a ", 1000)))
	l, err := s.Prepare(t.Context(), from(5000, records(strings.Repeat("bad ", 50))))
	require.NoError(t, err)
	finish(t, l)
	require.NoError(t, guard.Check())
}

// A batch that comes again counts once, whether its steps are repeated or it is
// forgotten and read again, with other bounds too.
func TestRepeatedBatchesCountOnce(t *testing.T) {
	s, w, guard := guarded(t)
	words := strings.Repeat("bad ", 15) + "x"
	w.refuses = []string{"x"}
	for range 5 {
		l := prepare(t, s, words)
		require.NoError(t, l.Bury(t.Context()))
		require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
		require.NoError(t, l.Bury(t.Context()))
		l.Done(false)
	}
	finish(t, prepare(t, s, words))
	finish(t, prepare(t, s, strings.Repeat("bad ", 8)))
	require.NoError(t, guard.Check(), "16 letters and no more")
	finish(t, prepare(t, s, words+strings.Repeat(" bad", 3)))
	require.NoError(t, guard.Check(), "three more")
	finish(t, prepare(t, s, words+strings.Repeat(" bad", 4)))
	require.ErrorIs(t, guard.Check(), dlq.ErrTripped, "the twentieth")
}

// That holds however the records of several partitions lie in the batch.
func TestRepeatedBatchesOfSeveralPartitionsCountOnce(t *testing.T) {
	s, _, guard := guarded(t)
	all := records(strings.Repeat("bad ", 15))
	for i := range all {
		all[i].Partition = i / 4 % 2 // in turns of four
	}
	for range 3 {
		l, err := s.Prepare(t.Context(), all)
		require.NoError(t, err)
		finish(t, l)
	}
	require.NoError(t, guard.Check())
}

// What ClickHouse refuses counts as what decoding refuses.
func TestRefusedByClickHouseTrips(t *testing.T) {
	s, w, guard := guarded(t)
	w.refuses = []string{"x"}
	finish(t, prepare(t, s, strings.Repeat("x ", 20)))
	require.ErrorIs(t, guard.Check(), dlq.ErrTripped)
	require.ErrorContains(t, guard.Check(), "clickhouse_rejected")
}

// A topic that was made anew is counted anew.
func TestANewTopicCounts(t *testing.T) {
	s, _, guard := guarded(t)
	l, err := s.Prepare(t.Context(), from(100, records(strings.Repeat("bad ", 10))))
	require.NoError(t, err)
	finish(t, l)
	l, err = s.Prepare(t.Context(), from(0, records(strings.Repeat("bad ", 10))))
	require.NoError(t, err)
	finish(t, l)
	require.ErrorIs(t, guard.Check(), dlq.ErrTripped)
}
