package clickhouse

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNextStep holds rule 6 as a table: what follows from what is known.
func TestNextStep(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		known situation
		want  step
	}{
		{"young", situation{}, insertBlock},
		{"young, inserted", situation{isInserted: true}, finished},

		{"restarted: the token first", situation{isRestarted: true}, insertBlock},
		{"restarted, inserted: ask", situation{isRestarted: true, isInserted: true}, askTable},
		{"restarted, all there", situation{isRestarted: true, isInserted: true, answer: allRows}, finished},
		{"restarted, some there", situation{isRestarted: true, isInserted: true, answer: someRow}, settle},
		{"restarted, none there", situation{isRestarted: true, isInserted: true, answer: noRow}, settle},

		{"old: ask first", situation{isOld: true}, askTable},
		{"old, all there: nothing is sent", situation{isOld: true, answer: allRows}, finished},
		{"old, none there: the token", situation{isOld: true, answer: noRow}, insertBlock},
		{"old, some there: the token", situation{isOld: true, answer: someRow}, insertBlock},
		{"old, inserted: ask again", situation{isOld: true, isInserted: true}, askTable},
		{"old, inserted, all there", situation{isOld: true, isInserted: true, answer: allRows}, finished},
		{"old, inserted, none there", situation{isOld: true, isInserted: true, answer: noRow}, settle},
		{"old and restarted: ask first", situation{isOld: true, isRestarted: true}, askTable},

		{"settled: ask before anything", situation{isSettled: true}, askTable},
		{"settled and old", situation{isSettled: true, isOld: true}, askTable},
		{"settled, all there after all", situation{isSettled: true, answer: allRows}, finished},
		{"settled, some there", situation{isSettled: true, answer: someRow}, insertMissing},
		{"settled, none there", situation{isSettled: true, isRestarted: true, answer: noRow}, insertMissing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, next(c.known))
		})
	}
}

// TestNothingIsStoredTwice holds, for every way through the decisions, that rows
// which the table has are never sent without their token, that de-duplication is
// off only for rows that an acknowledged INSERT under the token left missing after
// everything in flight had ended, and that each way ends.
func TestNothingIsStoredTwice(t *testing.T) {
	t.Parallel()
	answers := []answer{allRows, someRow, noRow}
	var walk func(known situation, wasInserted, wasSettled bool, depth int)
	walk = func(known situation, wasInserted, wasSettled bool, depth int) {
		if !assert.Less(t, depth, 10, "a way that does not end: %+v", known) {
			return
		}
		switch next(known) {
		case insertBlock:
			assert.False(t, known.isInserted, "%+v", known)
			known.isInserted, known.answer = true, unasked
			walk(known, true, wasSettled, depth+1)
		case askTable:
			for _, said := range answers {
				known.answer = said
				walk(known, wasInserted, wasSettled, depth+1)
			}
		case settle:
			assert.True(t, wasInserted, "%+v", known)
			walk(situation{isOld: known.isOld, isRestarted: known.isRestarted, isSettled: true}, wasInserted, true, depth+1)
		case insertMissing:
			assert.True(t, wasInserted && wasSettled, "%+v", known)
			assert.NotEqual(t, allRows, known.answer)
			assert.NotEqual(t, unasked, known.answer)
		case finished:
			assert.True(t, known.isInserted || known.answer == allRows, "%+v", known)
		}
	}
	for _, isOld := range []bool{false, true} {
		for _, isRestarted := range []bool{false, true} {
			walk(situation{isOld: isOld, isRestarted: isRestarted}, false, false, 0)
		}
	}
}

// TestAnswerOf holds how an answer is named.
func TestAnswerOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, allRows, answerOf(0, 3))
	assert.Equal(t, someRow, answerOf(1, 3))
	assert.Equal(t, noRow, answerOf(3, 3))
}
