package traffic

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	codec "github.com/nova-data/nova/pkg/event"
)

// peopled is a world without a database.
func peopled(users, posts int) *world {
	w := &world{}
	id := counted()
	for range users {
		w.users = append(w.users, id())
	}
	for i := range posts {
		w.posts = append(w.posts, post{id: id(), author: w.users[i%users]})
	}
	return w
}

type sentBody struct {
	Events []map[string]any `json:"events"`
}

func composeMany(t *testing.T, c *composer, n int, now time.Time) (bodies []body, events []map[string]any) {
	t.Helper()
	for range n {
		b, ok, err := c.compose(now)
		require.NoError(t, err)
		require.True(t, ok)
		decoded, err := codec.DecodeJSONBatch(b.json, codec.Bounds{
			MaxEvents: 100, Earliest: now.Add(-23*time.Hour - 50*time.Minute), Latest: now.Add(5 * time.Minute),
		})
		require.NoError(t, err, "the API would refuse this")
		require.Len(t, decoded, len(b.ids))
		for i, e := range decoded {
			require.Equal(t, b.ids[i], e.ID)
		}
		var sent sentBody
		require.NoError(t, json.Unmarshal(b.json, &sent))
		require.Len(t, sent.Events, len(b.ids))
		require.Less(t, len(b.json), 1<<20, "the API's limit")
		bodies, events = append(bodies, b), append(events, sent.Events...)
	}
	return bodies, events
}

// Bodies hold what the API documents, copies in the same body, of recent and
// of old events, and unknown fields; a copy has the bytes of its original.
func TestComposer(t *testing.T) {
	now := time.Now()
	c := &composer{random: stream(1, 1), world: peopled(20, 50), ledger: NewLedger(now)}
	bodies, events := composeMany(t, c, 150, now)

	first := map[string]map[string]any{}
	var copies, unknown int
	for _, e := range events {
		id := e["event_id"].(string)
		if original, ok := first[id]; ok {
			copies++
			require.Equal(t, original, e, "a copy differs from its original")
			continue
		}
		first[id] = e
		if _, ok := e["experiment"]; ok {
			unknown++
		}
		ts := time.UnixMilli(int64(e["ts"].(float64)))
		require.WithinRange(t, ts, now.Add(-time.Hour-time.Second), now.Add(time.Second))
	}
	assert.InDelta(t, 0.04, float64(copies)/float64(len(events)), 0.015)
	assert.NotZero(t, unknown)
	assert.NotZero(t, copiesInOneBody(bodies))
	assert.Len(t, actions(events), 10, "every action, by both of its names")
}

func copiesInOneBody(bodies []body) (n int) {
	for _, b := range bodies {
		seen := map[uuid.UUID]bool{}
		for _, id := range b.ids {
			if seen[id] {
				n++
			}
			seen[id] = true
		}
	}
	return n
}

func actions(events []map[string]any) map[any]int {
	found := map[any]int{}
	for _, e := range events {
		found[e["action"]]++
	}
	return found
}

// The same seed composes the same bodies, another seed others.
func TestComposerFollowsTheSeed(t *testing.T) {
	now := time.Now()
	compose := func(seed uint64) (all []string) {
		c := &composer{random: stream(seed, 1), world: peopled(5, 5), ledger: NewLedger(now)}
		bodies, _ := composeMany(t, c, 20, now)
		for _, b := range bodies {
			all = append(all, string(b.json))
		}
		return all
	}
	first, again, other := compose(1), compose(1), compose(2)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
}

// Without a post there is nothing to compose, and nothing is issued.
func TestComposerWaitsForPosts(t *testing.T) {
	c := &composer{random: stream(1, 1), world: &world{}, ledger: NewLedger(time.Now())}
	_, ok, err := c.compose(time.Now())
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Zero(t, c.ledger.issued)
}

// What is remembered for copies stays bounded.
func TestComposerForgets(t *testing.T) {
	c := &composer{random: stream(1, 1), world: peopled(5, 5), ledger: NewLedger(time.Now())}
	for c.made <= rememberFar {
		_, _, err := c.compose(time.Now())
		require.NoError(t, err)
	}
	assert.Len(t, c.near, rememberNear)
	assert.Len(t, c.far, rememberFar)
}
