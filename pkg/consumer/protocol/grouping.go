package protocol

// Grouping says which partitions may share a batch. A partition without a
// committed offset is in its first batch alone: a broker may refuse one partition
// of a request and take the others, and a plan that holds in part is no plan.
//
// It is used by one goroutine, which closes batches in the order they are planned.
type Grouping struct{ uncommitted map[int]bool }

// NewGrouping returns the grouping for a lane whose given partitions have no
// committed offset.
func NewGrouping(uncommitted []int) *Grouping {
	g := &Grouping{uncommitted: map[int]bool{}}
	for _, partition := range uncommitted {
		g.uncommitted[partition] = true
	}
	return g
}

// IsAlone says that the partition shares its next batch with no other.
func (g *Grouping) IsAlone(partition int) bool { return g.uncommitted[partition] }

// Closed says that a batch with the partition is closed.
func (g *Grouping) Closed(partition int) { delete(g.uncommitted, partition) }
