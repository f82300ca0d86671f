package verify

import "hash/maphash"

// row is what one side has for a key: a text, or nil for NULL, of each column, in
// the order of the columns; the key is the first. A nil row is no row.
type row []*string

func (r row) key() string { return *r[0] }

func (r row) equals(other row) bool {
	if (r == nil) != (other == nil) {
		return false
	}
	for i := range r {
		if !same(r[i], other[i]) {
			return false
		}
	}
	return true
}

func same(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// hash tells states of a row apart; that of no row is 0.
func (r row) hash(seed maphash.Seed) uint64 {
	if r == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, value := range r {
		if value == nil {
			_, _ = h.WriteString("\x00N")
			continue
		}
		_, _ = h.WriteString(*value)
		_, _ = h.WriteString("\x00V")
	}
	return max(1, h.Sum64())
}
