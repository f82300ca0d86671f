package sink_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
)

// A record is refused after three tries and not before: what two more tries take
// is stored, and only refused records are tried again by themselves.
func TestThreeTries(t *testing.T) {
	for name, test := range map[string]struct {
		words   string
		heals   int
		stored  []string
		refused []string
		fills   []int
	}{
		"nothing refused":    {"a b", 0, []string{"a", "b"}, nil, []int{2}},
		"refused":            {"a bad b bad", 0, []string{"a", "b"}, []string{"events/3/11", "events/3/13"}, []int{4, 2, 2}},
		"taken at the 2nd":   {"a flaky b", 1, []string{"a", "flaky", "b"}, nil, []int{3, 1, 3}},
		"taken at the 3rd":   {"a flaky b", 2, []string{"a", "flaky", "b"}, nil, []int{3, 1, 1, 3}},
		"refused 3 times":    {"a flaky b", 3, []string{"a", "b"}, []string{"events/3/11"}, []int{3, 1, 1}},
		"one of two":         {"bad flaky b", 1, []string{"flaky", "b"}, []string{"events/3/10"}, []int{3, 2, 1, 3}},
		"refused in company": {"a crowd b", 0, []string{"a", "b"}, []string{"events/3/11"}, []int{3, 1, 3, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := open(t, nil)
			w.heals = test.heals
			finish(t, prepare(t, s, test.words))
			assert.Equal(t, test.stored, w.stored[0].values)
			assert.Equal(t, test.refused, w.origins())
			assert.Equal(t, test.fills, w.fills)
		})
	}
}

// A panic is an answer about the record that causes it: it becomes a letter after
// three tries, and the others are stored.
func TestPanicsAreIsolated(t *testing.T) {
	for name, test := range map[string]struct {
		words   string
		stored  []string
		refused []string
	}{
		"alone":            {"panic", nil, []string{"events/3/10"}},
		"first":            {"panic a b", []string{"a", "b"}, []string{"events/3/10"}},
		"last":             {"a b c d panic", []string{"a", "b", "c", "d"}, []string{"events/3/14"}},
		"several":          {"a panic b panic c panic bad", []string{"a", "b", "c"}, []string{"events/3/11", "events/3/13", "events/3/15", "events/3/16"}},
		"all":              {strings.Repeat("panic ", 3), nil, []string{"events/3/10", "events/3/11", "events/3/12"}},
		"with one to heal": {"panic flaky a", []string{"flaky", "a"}, []string{"events/3/10"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := open(t, nil)
			w.heals = strings.Count(test.words, "flaky")
			finish(t, prepare(t, s, test.words))
			var values []string
			for _, one := range w.stored {
				values = append(values, one.values...)
			}
			assert.Equal(t, test.stored, values)
			assert.Equal(t, test.refused, w.origins())
			assert.Equal(t, "panic", w.letters[0].ErrorClass)
			assert.Contains(t, w.letters[0].Error, "index out of range")
			assert.Contains(t, w.log.String(), "prepare.go", "the stack is in the log")
		})
	}
}

// One panicking record among many is found by halving, not one by one.
func TestPanicsAreFoundFast(t *testing.T) {
	s, w := open(t, nil)
	finish(t, prepare(t, s, strings.Repeat("a ", 700)+"panic "+strings.Repeat("b ", 323)))
	assert.Equal(t, []string{"events/3/710"}, w.origins())
	assert.Len(t, w.stored[0].values, 1023)
	assert.Less(t, len(w.fills), 30)
}

// A panic that no record causes alone, or an error of something Fill depends on,
// refuses nobody: the batch comes again.
func TestPrepareFails(t *testing.T) {
	for name, test := range map[string]struct {
		words, want string
		failures    []error
	}{
		"combination":             {"a together b together", "no record alone is the cause", nil},
		"away":                    {"a bad", "preparing 2 records of events: away", []error{errAway}},
		"away on 2nd try":         {"a bad", "away", []error{nil, errAway}},
		"away on 3rd try":         {"a bad", "away", []error{nil, nil, errAway}},
		"away while one isolates": {"a panic", "away", []error{nil, errAway}},
		"index of nobody":         {"a wrong", "record 2 of 2 was rejected", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := open(t, nil)
			w.failures["fill"] = slices.Clone(test.failures)
			all := records(test.words)
			for i := range all {
				if string(all[i].Value) == "wrong" {
					all[i].Value = []byte("wrong index")
				}
			}
			l, err := s.Prepare(t.Context(), all)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, l)
			assert.Empty(t, w.letters)
			assert.Equal(t, map[string]int64{"prepare": 1}, w.counted("event_processing_errors_total", "step"))
			finish(t, prepare(t, s, "a"))
		})
	}
}

// What is given up because the generation ended is no error to alert on.
func TestCancelledIsNotCounted(t *testing.T) {
	s, w := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Prepare(ctx, records("a"))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, w.counted("event_processing_errors_total", "step"))
}

// Records of a topic that the service does not know are an error that names it.
func TestUnknownTopic(t *testing.T) {
	s, _ := open(t, nil)
	_, err := s.Prepare(t.Context(), []consumer.Record{{Topic: "other"}})
	require.ErrorContains(t, err, "no table is mapped to topic other")
}

// Batches use each other's memory and nothing else of each other, also those of a
// lane that prepares one while it stores another.
func TestBatchesDoNotMix(t *testing.T) {
	s, w := open(t, nil)
	first := prepare(t, s, "a bad b")
	second := prepare(t, s, "c")
	finish(t, first)
	third := prepare(t, s, "d bad")
	finish(t, second)
	finish(t, third)
	assert.Equal(t, [][]string{{"a", "b"}, {"c"}, {"d"}}, [][]string{w.stored[0].values, w.stored[1].values, w.stored[2].values})
	assert.Equal(t, []string{"events/3/11", "events/3/11"}, w.origins())
	assert.Equal(t, 3, w.batches, "two in hand at a time, and one for further tries")
}
