package repair

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// part is what the name of a data part says about the blocks in it:
// <partition>_<min>_<max>_<level>, with _<mutation> behind it after a mutation.
type part struct {
	partition string
	blocks    blockRange
}

// blockRange is the block numbers from first to last, both included.
type blockRange struct {
	first, last int64
}

// parsePart reads the name of a part. It refuses the names of everything else
// that lies in a table's directory: tmp_insert_*, tmp_merge_*, delete_tmp_*,
// detached, deduplication_logs, files.
func parsePart(name string) (part, bool) {
	fields := strings.Split(name, "_")
	if len(fields) != 4 && len(fields) != 5 {
		return part{}, false
	}
	partition := fields[0]
	if !isPartition(partition) {
		return part{}, false
	}
	var numbers [4]int64
	for i, field := range fields[1:] {
		number, err := strconv.ParseUint(field, 10, 63)
		if err != nil {
			return part{}, false
		}
		numbers[i] = int64(number)
	}
	blocks := blockRange{first: numbers[0], last: numbers[1]}
	return part{partition: partition, blocks: blocks}, blocks.first <= blocks.last
}

// isPartition reports whether id can be a partition's: letters, digits, hyphens.
func isPartition(id string) bool {
	for _, c := range []byte(id) {
		isLetter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		isDigit := '0' <= c && c <= '9'
		if !isLetter && !isDigit && c != '-' {
			return false
		}
	}
	return id != ""
}

// coverage is the blocks that a table has parts for, by partition, sorted and
// without overlaps.
type coverage map[string][]blockRange

// newCoverage builds the coverage of the entries of a table's directory.
func newCoverage(names []string) coverage {
	c := coverage{}
	for _, name := range names {
		if p, ok := parsePart(name); ok {
			c[p.partition] = append(c[p.partition], p.blocks)
		}
	}
	for partition, ranges := range c {
		c[partition] = joined(ranges)
	}
	return c
}

// joined sorts ranges and joins those that overlap: a merged part lies beside the
// parts it was made of until the engine removes them.
func joined(ranges []blockRange) []blockRange {
	slices.SortFunc(ranges, func(a, b blockRange) int { return cmp.Compare(a.first, b.first) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		newest := &out[len(out)-1]
		if r.first > newest.last {
			out = append(out, r)
			continue
		}
		newest.last = max(newest.last, r.last)
	}
	return out
}

// covers reports whether the table has the blocks of p.
func (c coverage) covers(p part) bool {
	ranges := c[p.partition]
	after, _ := slices.BinarySearchFunc(ranges, p.blocks.first, func(r blockRange, first int64) int {
		if r.first <= first {
			return -1
		}
		return 1
	})
	return after > 0 && p.blocks.last <= ranges[after-1].last
}
