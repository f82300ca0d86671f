package dedup

import "github.com/google/uuid"

// batch is the claims of one call. Those for one event are a group, for whose
// first, the head, a command is sent; the others are its twins. Which of them is
// kept is what the answer says: the head only if an earlier attempt had not
// claimed the event for a twin.
type batch struct {
	claims []Claim
	kept   []bool
	heads  []int
	twins  map[int][]int // by head

	duplicates int
	conflicts  int
	example    string // the key of a conflict
}

type identity struct {
	eventID uuid.UUID
	timeMS  int64
}

func newBatch(claims []Claim) *batch {
	b := &batch{
		claims: claims, kept: make([]bool, len(claims)),
		heads: make([]int, 0, len(claims)), twins: map[int][]int{},
	}
	headOf := make(map[identity]int, len(claims))
	for i := range claims {
		id := identity{claims[i].EventID, claims[i].TimeMS}
		head, isTwin := headOf[id]
		if isTwin {
			b.twins[head] = append(b.twins[head], i)
			continue
		}
		headOf[id] = i
		b.heads = append(b.heads, i)
	}
	return b
}

// settle keeps what the holder names in the group of head, and drops the others.
func (b *batch) settle(head int, holder string) {
	coordinates, hash := cutHash(holder)
	b.decide(head, coordinates, hash)
	for _, twin := range b.twins[head] {
		b.decide(twin, coordinates, hash)
	}
}

// won keeps head, which nobody held before.
func (b *batch) won(head int) {
	b.kept[head] = true
	if twins := b.twins[head]; len(twins) > 0 {
		coordinates, hash := cutHash(b.claims[head].value())
		for _, twin := range twins {
			b.decide(twin, coordinates, hash)
		}
	}
}

func (b *batch) decide(i int, holder, holderHash string) {
	own, ownHash := cutHash(b.claims[i].value())
	if own == holder {
		b.kept[i] = true
		return
	}
	b.duplicates++
	if ownHash != holderHash {
		b.conflicts++
		b.example = b.claims[i].key()
	}
}
