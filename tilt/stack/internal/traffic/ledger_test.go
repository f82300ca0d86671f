package traffic

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
)

// Every id has the fate that its bodies had, and only that.
func TestLedgerKnowsEveryFate(t *testing.T) {
	l := NewLedger(time.UnixMilli(1_795_478_400_123))
	accepted, unknown, unsent := l.issue(), l.issue(), l.issue()

	l.sending([]uuid.UUID{accepted, unknown}, false)
	l.accept([]uuid.UUID{accepted})

	assert.Equal(t, FateAccepted, l.Fate(accepted))
	assert.Equal(t, FateUnknown, l.Fate(unknown))
	assert.Equal(t, FateNever, l.Fate(unsent))
	assert.Equal(t, FateForeign, l.Fate(l.run.ID(3)), "an id not issued yet")
	assert.Equal(t, FateForeign, l.Fate(uuid.New()))

	l.sending([]uuid.UUID{unknown}, true)
	l.accept([]uuid.UUID{unknown})
	assert.Equal(t, FateAccepted, l.Fate(unknown), "a 202 settles what was unknown")
	l.sending([]uuid.UUID{accepted}, false)
	assert.Equal(t, FateAccepted, l.Fate(accepted), "a copy that may be lost takes nothing back")
}

// Copies are counted as copies, whether in one body or in several.
func TestLedgerCountsCopies(t *testing.T) {
	l := NewLedger(time.Now())
	a, b := l.issue(), l.issue()
	l.accept([]uuid.UUID{a, a, b})
	l.accept([]uuid.UUID{b})
	assert.Equal(t, Counters{Events: 2, Duplicates: 2, Bodies: 2}, l.Counters())
}

// Accepted ids come in the order of their text, which the reconciliation
// merges by.
func TestLedgerYieldsAcceptedInOrder(t *testing.T) {
	l := NewLedger(time.Now())
	var want []string
	for i := range 1000 {
		id := l.issue()
		if i%3 != 0 {
			l.accept([]uuid.UUID{id})
			want = append(want, id.String())
		}
	}
	var got []string
	for id := range l.Accepted() {
		got = append(got, id.String())
	}
	assert.Equal(t, want, got)
	assert.True(t, slices.IsSorted(got))
}

// Ids are UUIDs of version 8 that name their run: runs a millisecond apart
// share none.
func TestLedgerIDsNameTheirRun(t *testing.T) {
	start := time.Now()
	one, two := NewLedger(start), NewLedger(start.Add(time.Millisecond))
	id := one.issue()
	two.issue()
	assert.Equal(t, uuid.Version(8), id.Version())
	assert.Equal(t, uuid.RFC4122, id.Variant())
	assert.True(t, strings.HasPrefix(id.String(), one.Prefix()))
	assert.NotEqual(t, one.Prefix(), two.Prefix())
	assert.Equal(t, FateForeign, two.Fate(id))
}
