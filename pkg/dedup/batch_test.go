package dedup_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/redistest"
)

// redriven is the copy at an offset of the records of an event at other offsets.
func redriven(event byte, offset int64, origins ...int64) dedup.Claim {
	claim := record(event, offset)
	var names []string
	for _, origin := range origins {
		names = append(names, "events/0/"+strconv.FormatInt(origin, 10))
	}
	claim.Origin = strings.Join(names, ",")
	return claim
}

// decide makes a Batch's decision with a map in Redis's place.
func decide(held map[string]string, claims []dedup.Claim) []bool {
	b := dedup.NewBatch(claims)
	for _, head := range b.Heads() {
		claim := &claims[head]
		if holder, isHeld := held[claim.Key()]; isHeld && !b.TakesOver(head, holder) {
			b.Settle(head, holder)
			continue
		}
		held[claim.Key()] = claim.Value()
		b.Won(head)
	}
	return b.Kept()
}

// permutations calls try with every order of every selection of claims.
func permutations(claims []dedup.Claim, try func([]dedup.Claim)) {
	var chosen []dedup.Claim
	var choose func()
	choose = func() {
		if len(chosen) > 0 {
			try(slices.Clone(chosen))
		}
		for _, claim := range claims {
			if slices.ContainsFunc(chosen, func(c dedup.Claim) bool { return c.Offset == claim.Offset }) {
				continue
			}
			chosen = append(chosen, claim)
			choose()
			chosen = chosen[:len(chosen)-1]
		}
	}
	choose()
}

// Whoever holds an event, and however the records of it that meet in one batch lie
// there (two dead ones, copies of one of them from two redrives, one of the other's), at most one is
// kept, never a dead one in place of its copy, none only if a record elsewhere
// holds it, and trying again decides the same. Redis decides as the pure Batch does, so that a model may use that.
func TestOneIsKeptOfEachEvent(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	all := []dedup.Claim{record(1, 10), redriven(1, 20, 10), redriven(1, 30, 10, 20), record(1, 40), redriven(1, 50, 40)}
	holders := []string{"", "foreign", "events/0/99/abc"}
	for _, claim := range all {
		holders = append(holders, claim.Value())
	}
	permutations(all, func(claims []dedup.Claim) {
		for _, holder := range holders {
			held := map[string]string{}
			server.Do("DEL", key(1))
			if holder != "" {
				held[key(1)] = holder
				server.Do("SET", key(1), holder)
			}
			kept := decide(held, claims)
			require.Equal(t, kept, f.claim(t, claims...), "%+v held by %q", claims, holder)
			require.Equal(t, held[key(1)], server.Do("GET", key(1)))

			winner := slices.Index(kept, true)
			require.Equal(t, winner, lastIndex(kept, true), "%+v held by %q", claims, holder)
			if winner >= 0 {
				require.Equal(t, held[key(1)], claims[winner].Value())
				for i := range claims {
					dead := strings.Split(claims[i].Origin, ",")
					require.NotContains(t, dead, coordinates(claims[winner]), "a dead record is kept, and its copy is lost: %+v", claims)
				}
			} else {
				require.Equal(t, holder, held[key(1)])
				require.NotContains(t, values(claims), holder)
			}
			require.Equal(t, kept, decide(held, claims), "again")
		}
	})
}

func lastIndex(kept []bool, value bool) int {
	for i, k := range slices.Backward(kept) {
		if k == value {
			return i
		}
	}
	return -1
}

func coordinates(claim dedup.Claim) string {
	return claim.Topic + "/" + strconv.Itoa(claim.Partition) + "/" + strconv.FormatInt(claim.Offset, 10)
}

func values(claims []dedup.Claim) []string {
	var all []string
	for i := range claims {
		all = append(all, claims[i].Value())
	}
	return all
}

// A redriven record takes the event over from the dead one, which had claimed it
// and was not stored, and from nobody else; then the dead one, replayed, does not
// get it back.
func TestRedrivenRecordTakesOver(t *testing.T) {
	for name, test := range map[string]struct {
		holder dedup.Claim
		claim  dedup.Claim
		kept   bool
	}{
		"from its origin":                      {record(1, 10), redriven(1, 20, 10), true},
		"from an earlier redrive":              {redriven(1, 20, 10), redriven(1, 30, 10, 20), true},
		"from the first, the second was lost":  {record(1, 10), redriven(1, 30, 10, 20), true},
		"its own":                              {redriven(1, 20, 10), redriven(1, 20, 10), true},
		"not from a copy":                      {record(1, 11), redriven(1, 20, 10), false},
		"not from a redrive that came later":   {redriven(1, 30, 10, 20), redriven(1, 20, 10), false},
		"not from one that only begins alike":  {record(1, 101), redriven(1, 20, 10), false},
		"the dead one does not get it back":    {redriven(1, 20, 10), record(1, 10), false},
		"a redrive that is sent twice is once": {redriven(1, 20, 10), redriven(1, 21, 10), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, redistest.Start(t).Addr)
			require.Equal(t, []bool{true}, f.claim(t, test.holder))
			assert.Equal(t, []bool{test.kept}, f.claim(t, test.claim))
			assert.Equal(t, []bool{test.kept}, f.claim(t, test.claim), "again")
		})
	}
}

// Redis forgets scripts when it restarts; the claims of redriven records go on,
// among others of the same pipeline.
func TestScriptIsSentAgain(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	for i := range int64(3) {
		server.Do("SCRIPT", "FLUSH")
		claims := []dedup.Claim{redriven(1, 20+i, 10), record(2, 30), redriven(3, 40, 35), record(1, 50)}
		assert.Equal(t, []bool{i == 0, true, true, false}, f.claim(t, claims...))
		assert.Equal(t, "events/0/30/abc", server.Do("GET", key(2)))
	}
}

// A redriven record's claim is one like any other: with the event's TTL, also when
// it was taken over.
func TestRedrivenClaimInRedis(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	short := record(1, 10)
	short.TTL = 1_500_000_000 // rounded up
	f.claim(t, short)
	assert.Equal(t, "2", server.Do("TTL", key(1)))
	f.claim(t, redriven(1, 20, 10))
	assert.Equal(t, "events/0/20/abc", server.Do("GET", key(1)))
	ttl, err := strconv.Atoi(server.Do("TTL", key(1)))
	require.NoError(t, err)
	assert.InDelta(t, 3600, ttl, 10)
}
