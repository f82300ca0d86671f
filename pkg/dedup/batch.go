package dedup

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Batch decides about the claims of one call, whatever keeps the claims. Those
// for one event are a group, and one of them, the head, is sent for all; the
// others are its twins. Which of them is kept is what the answer says: the head
// only if an earlier attempt had not claimed the event for a twin.
//
// For each of Heads, if the event is held and TakesOver says no, Settle is called
// with the holder; else the head's Claim.Value becomes the holder, and Won is
// called. A Batch is used by one goroutine at a time.
type Batch struct {
	claims  []Claim
	kept    []bool
	settled []bool // by head
	heads   []int
	twins   map[int][]int // by head
	// origins are, by head, the coordinates of the dead records whose copies are
	// in its group.
	origins map[int][]string

	duplicates int
	conflicts  int
	example    string // the key of a conflict
	scratch    []byte
}

type identity struct {
	eventID uuid.UUID
	timeMS  int64
}

// NewBatch groups claims, which must not change while the Batch is used.
func NewBatch(claims []Claim) *Batch {
	b := &Batch{
		claims: claims, kept: make([]bool, len(claims)), settled: make([]bool, len(claims)),
		heads: make([]int, 0, len(claims)), twins: map[int][]int{}, origins: map[int][]string{},
	}
	groups := make(map[identity]int, len(claims)) // places in heads
	var redriven []int                            // such places, maybe more than once
	for i := range claims {
		id := identity{claims[i].EventID, claims[i].TimeMS}
		group, isKnown := groups[id]
		if !isKnown {
			group = len(b.heads)
			groups[id] = group
			b.heads = append(b.heads, i)
		} else {
			b.twins[b.heads[group]] = append(b.twins[b.heads[group]], i)
		}
		if claims[i].Origin != "" {
			redriven = append(redriven, group)
		}
	}
	for _, group := range redriven {
		b.resurrect(group)
	}
	return b
}

// resurrect makes a redriven record the head of its group, one that is not dead
// itself. It takes the event over from every record of which the group holds a
// copy: that there is a copy says that the record was not stored.
func (b *Batch) resurrect(group int) {
	members := append([]int{b.heads[group]}, b.twins[b.heads[group]]...)
	delete(b.twins, b.heads[group])
	var origins []string
	for _, i := range members {
		if b.claims[i].Origin != "" {
			origins = append(origins, strings.Split(b.claims[i].Origin, ",")...)
		}
	}
	at := slices.IndexFunc(members, func(i int) bool {
		return b.claims[i].Origin != "" && !slices.Contains(origins, b.claims[i].coordinates())
	})
	head := members[max(at, 0)]
	b.heads[group] = head
	b.twins[head] = slices.DeleteFunc(members, func(i int) bool { return i == head })
	b.origins[head] = origins
}

// TakesOver says whether head replaces the holder of its event: only a redriven
// record does, if the holder is one of the dead records.
func (b *Batch) TakesOver(head int, holder string) bool {
	coordinates, _ := cutHash(holder)
	return slices.Contains(b.origins[head], coordinates)
}

// Heads returns the indexes of the claims to send, one an event.
func (b *Batch) Heads() []int { return b.heads }

// Settle keeps what the holder names in the group of head, and drops the others.
func (b *Batch) Settle(head int, holder string) {
	coordinates, hash := cutHash(holder)
	b.settled[head] = true
	b.decide(head, coordinates, hash)
	for _, twin := range b.twins[head] {
		b.decide(twin, coordinates, hash)
	}
}

// Won keeps head, which is the holder now, and drops its twins.
func (b *Batch) Won(head int) {
	b.settled[head] = true
	b.kept[head] = true
	if twins := b.twins[head]; len(twins) > 0 {
		coordinates, hash := cutHash(b.claims[head].Value())
		for _, twin := range twins {
			b.decide(twin, coordinates, hash)
		}
	}
}

// Kept returns for each claim whether its record is the one to store. Before its
// group is settled it is not.
func (b *Batch) Kept() []bool { return b.kept }

// bypass keeps the head of each group that is not settled, and returns how many.
func (b *Batch) bypass() int {
	bypassed := 0
	for _, head := range b.heads {
		if !b.settled[head] {
			b.Won(head)
			bypassed++
		}
	}
	return bypassed
}

func (b *Batch) decide(i int, holder, holderHash string) {
	claim := &b.claims[i]
	b.scratch = claim.appendCoordinates(b.scratch[:0])
	if string(b.scratch) == holder {
		b.kept[i] = true
		return
	}
	b.duplicates++
	b.scratch = strconv.AppendUint(b.scratch[:0], claim.PayloadHash, 16)
	if string(b.scratch) != holderHash {
		b.conflicts++
		b.example = claim.Key()
	}
}
