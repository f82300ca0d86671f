package consumer

import (
	"maps"
	"slices"
	"sync"
)

// partition is one partition of a topic.
type partition struct {
	topic  string
	number int
}

// catchUp calls reached once, when every partition's offset has reached its goal.
type catchUp struct {
	reached func()

	mu    sync.Mutex
	goals map[partition]int64
}

// announce tells an Assignee what is assigned and returns what is to be told of
// its progress. The Assignee must be told of the end, by revoke.
func (g *generation) announce(positions map[string]map[int]position) (following *catchUp, revoke func()) {
	assignee, wants := g.deps.Handler.(Assignee)
	if !wants {
		return nil, func() {}
	}
	shares := map[string]Share{}
	c := &catchUp{goals: map[partition]int64{}, reached: assignee.CaughtUp}
	for topic, partitions := range positions {
		shares[topic] = Share{Partitions: slices.Sorted(maps.Keys(partitions)), Of: g.partitions[topic]}
		for number, at := range partitions {
			if at.offset < at.end {
				c.goals[partition{topic, number}] = at.end
			}
		}
	}
	assignee.Assigned(shares)
	if len(c.goals) == 0 {
		assignee.CaughtUp()
	}
	return c, assignee.Revoked
}

// handled says that a partition is handled up to offset.
func (c *catchUp) handled(topic string, number int, offset int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := partition{topic, number}
	if goal, isBehind := c.goals[at]; !isBehind || offset < goal {
		return
	}
	delete(c.goals, at)
	if len(c.goals) == 0 {
		c.reached()
	}
}
