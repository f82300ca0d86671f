package repair

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A record is what the engine writes, whole; anything else is unreadable to it.
func TestParseRecord(t *testing.T) {
	got, ok := parseRecord([]byte("1\t202601_8_8_0\t202601_89_58\n"))
	assert.True(t, ok)
	assert.Equal(t, record{
		operation: add, part: part{"202601", blockRange{8, 8}}, partName: "202601_8_8_0", block: "202601_89_58",
	}, got)
	got, ok = parseRecord([]byte("2\tall_8_9_1_4\tx\n"))
	assert.True(t, ok)
	assert.Equal(t, drop, got.operation)
	for _, line := range []string{
		"", "\n", "1", "1\tall_8_8_0\tall_1_2", "1\tall_8_8_0\t\n", "1\tall_8_8_0\n", "3\tall_8_8_0\tx\n",
		"11\tall_8_8_0\tx\n", "1\tall_8_8\tx\n", "1\tall_8_8_0\tall_11\tall_9_9_0\ty\n", " 1\tall_8_8_0\tx\n",
	} {
		_, ok := parseRecord([]byte(line))
		assert.False(t, ok, "%q", line)
	}
}

// Exactly the tokens whose part is missing go, and lines that the engine cannot
// read; every other byte of every log stays where it was.
func TestClean(t *testing.T) {
	parts := newCoverage([]string{"all_1_1_0", "all_2_4_1", "all_6_6_0_9"})
	for name, c := range map[string]struct {
		logs, want []string
		orphans    []Token
		unreadable int
	}{
		"nothing wrong": {
			logs: []string{"1\tall_1_1_0\ta\n1\tall_3_3_0\tb\n", "1\tall_6_6_0\tc\n"},
			want: []string{"1\tall_1_1_0\ta\n1\tall_3_3_0\tb\n", "1\tall_6_6_0\tc\n"},
		},
		"kill between token and rename": {
			logs: []string{"1\tall_6_6_0\tb\n1\tall_7_7_0\ta\n"},
			want: []string{"1\tall_6_6_0\tb\n"}, orphans: []Token{{"all_7_7_0", "a"}},
		},
		"kill after the log rotated": {
			logs: []string{"1\tall_6_6_0\tb\n1\tall_7_7_0\ta\n", ""},
			want: []string{"1\tall_6_6_0\tb\n", ""}, orphans: []Token{{"all_7_7_0", "a"}},
		},
		"kill in the write of the token": {
			logs: []string{"1\tall_6_6_0\tb\n1\tall_7_7_0\tall_12"},
			want: []string{"1\tall_6_6_0\tb\n"}, unreadable: 1,
		},
		"written on behind a line cut short": {
			logs: []string{"1\tall_1_1_0\tal1\tall_3_3_0\tc\n1\tall_6_6_0\tb\n"},
			want: []string{"1\tall_6_6_0\tb\n"}, unreadable: 1,
		},
		"part dropped by the user": {
			logs: []string{"1\tall_5_5_0\ta\n1\tall_6_6_0\tb\n2\tall_5_5_0\ta\n"},
			want: []string{"1\tall_5_5_0\ta\n1\tall_6_6_0\tb\n2\tall_5_5_0\ta\n"},
		},
		"part dropped, in a later log": {
			logs: []string{"1\tall_5_5_0\ta\n", "2\tall_5_5_0\ta\n1\tall_6_6_0\ta\n"},
			want: []string{"1\tall_5_5_0\ta\n", "2\tall_5_5_0\ta\n1\tall_6_6_0\ta\n"},
		},
		"dropped, inserted again, killed": {
			logs: []string{"1\tall_5_5_0\ta\n2\tall_5_5_0\ta\n1\tall_7_7_0\ta\n"},
			want: []string{"1\tall_5_5_0\ta\n2\tall_5_5_0\ta\n"}, orphans: []Token{{"all_7_7_0", "a"}},
		},
		"several kills without a repair": {
			logs: []string{"1\tall_5_5_0\ta\n1\tall_6_6_0\tb\n1\tall_7_7_0\tc\n1\tall_8_8_0\td\n"},
			want: []string{"1\tall_6_6_0\tb\n"}, orphans: []Token{{"all_5_5_0", "a"}, {"all_7_7_0", "c"}, {"all_8_8_0", "d"}},
		},
		"two block ids of one part": {
			logs: []string{"1\tall_7_7_0\ta\n1\tall_7_7_0\tb\n"},
			want: []string{""}, orphans: []Token{{"all_7_7_0", "a"}, {"all_7_7_0", "b"}},
		},
		"no logs": {},
	} {
		t.Run(name, func(t *testing.T) {
			var logs [][]byte
			for _, log := range c.logs {
				logs = append(logs, []byte(log))
			}
			out := clean(logs, parts)
			var got []string
			for _, log := range out.logs {
				got = append(got, string(log))
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.orphans, out.orphans)
			assert.Equal(t, c.unreadable, out.unreadable)
		})
	}
}

// Whatever lies in the logs: no token is removed whose part exists, what remains is
// lines of the input in their order, and cleaning again changes nothing.
func FuzzClean(f *testing.F) {
	f.Add("all_1_1_0\nall_2_4_1", "1\tall_1_1_0\ta\n1\tall_7_7_0\tb\n", "1\tall_3_3_0\tc\n2\tall_1_1_0\ta\n1\tall_9_9_0\td")
	f.Add("tmp_insert_all_1_1_0", "1\tall_1_1_0\ta\n", "")
	f.Add("", "\n\n1\t\t\n", "2\tall_1_1_0\t\x00\n1\tall_1_1_0\t\xff\n")
	f.Fuzz(func(t *testing.T, directories, first, second string) {
		parts := newCoverage(strings.Split(directories, "\n"))
		in := [][]byte{[]byte(first), []byte(second)}
		out := clean(in, parts)
		for _, orphan := range out.orphans {
			p, ok := parsePart(orphan.Part)
			assert.True(t, ok && !parts.covers(p), "removed a token of part %s", orphan.Part)
		}
		removed := 0
		for i, log := range in {
			removed += checkSubsequence(t, lines(log), lines(out.logs[i]))
		}
		assert.Equal(t, removed, len(out.orphans)+out.unreadable)
		again := clean(out.logs, parts)
		assert.Equal(t, out.logs, again.logs)
		assert.Empty(t, again.orphans)
		assert.Zero(t, again.unreadable)
	})
}

func lines(log []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(log) {
		out = append(out, line)
	}
	return out
}

// checkSubsequence fails unless kept is all with some lines left out, and returns
// how many.
func checkSubsequence(t *testing.T, all, kept [][]byte) int {
	t.Helper()
	rest := kept
	for _, line := range all {
		if len(rest) > 0 && bytes.Equal(line, rest[0]) {
			rest = rest[1:]
		}
	}
	assert.Empty(t, rest, "lines that were not there, or moved")
	return len(all) - len(kept)
}
