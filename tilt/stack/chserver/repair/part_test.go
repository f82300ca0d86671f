package repair

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Only names of data parts count as parts: a directory that a kill left behind
// must not make an orphan look covered.
func TestParsePart(t *testing.T) {
	for name, want := range map[string]part{
		"all_1_1_0":          {"all", blockRange{1, 1}},
		"all_0_0_0":          {"all", blockRange{0, 0}},
		"202601_1_6_1":       {"202601", blockRange{1, 6}},
		"202601_1_6_1_7":     {"202601", blockRange{1, 6}},
		"-5_3_4_1":           {"-5", blockRange{3, 4}},
		"1f3-202601_3_4_1":   {"1f3-202601", blockRange{3, 4}},
		"all_9_9_4294967295": {"all", blockRange{9, 9}},
	} {
		got, ok := parsePart(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{
		"", "all", "all_1_1", "all_2_1_0", "all_1_1_0_", "all_1_1_0_7_8", "_1_1_0", "all_-1_1_0", "all_+1_1_0",
		"all_1_1_x", "all_1_1_0.txt", "all_1_99999999999999999999_0", "tmp_insert_all_1_1_0", "tmp_merge_all_1_5_1",
		"delete_tmp_all_1_1_0", "detached", "deduplication_logs", "format_version.txt", "mutation_7.txt", "a/b_1_1_0",
	} {
		_, ok := parsePart(name)
		assert.False(t, ok, name)
	}
}

// A block is covered by a part of its own partition that contains it, whether that
// part is fresh, merged, mutated, or lies beside those it was merged from.
func TestCoverage(t *testing.T) {
	c := newCoverage([]string{
		"202601_1_1_0", "202601_3_3_0", "202601_1_4_1", "202601_9_9_0_12", "202602_5_7_1", "tmp_insert_202601_6_6_0", "detached",
	})
	for name, want := range map[string]bool{
		"202601_1_1_0":   true,
		"202601_2_2_0":   true, // inside the merged part
		"202601_4_4_0":   true,
		"202601_5_5_0":   false, // covered in the other partition only
		"202601_6_6_0":   false, // its directory is still the temporary one
		"202601_9_9_0":   true,  // mutated since
		"202601_0_0_0":   false,
		"202601_10_10_0": false,
		"202601_3_5_0":   false,
		"202602_6_6_0":   true,
		"202603_1_1_0":   false,
	} {
		p, ok := parsePart(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, c.covers(p), name)
	}
}

// Whatever directories there are, coverage agrees with the definition: some part
// of the partition contains the block.
func FuzzCoverage(f *testing.F) {
	f.Add("all_1_1_0\nall_2_5_1\nall_3_3_0", "all_4_4_0")
	f.Add("a_1_9_2\na_2_3_1\nb_5_5_0\ntmp_insert_a_7_7_0", "a_9_9_0")
	f.Add("", "-1_0_0_0")
	f.Fuzz(func(t *testing.T, directories, name string) {
		block, ok := parsePart(name)
		if !ok {
			return
		}
		names := strings.Split(directories, "\n")
		want := false
		for _, name := range names {
			p, ok := parsePart(name)
			want = want || ok && p.partition == block.partition &&
				p.blocks.first <= block.blocks.first && block.blocks.last <= p.blocks.last
		}
		if block.blocks.first == block.blocks.last {
			assert.Equal(t, want, newCoverage(names).covers(block))
		}
	})
}
