package traffic

import "strings"

// longText is beyond what PostgreSQL keeps in the row itself (2 kB, when it
// does not compress).
const longText = 6_000

// words are of several scripts and of all UTF-8 lengths, with what JSON, CSV
// and SQL would have to escape.
func words() []string {
	return []string{
		"sunrise", "harbour", "coffee", "mountain", "midnight", "garden", "echo", "paper",
		"straße", "über", "naïve", "señal", "море", "日の出", "café", "🌸", "👩‍🚀",
		`"quoted"`, `back\slash`, "it's", "tab\there", "line\nbreak", "100%", "<b>", "{}", "null",
	}
}

// phrase is n words.
func (p *planner) phrase(n int) string {
	all := words()
	chosen := make([]string, n)
	for i := range chosen {
		chosen[i] = all[p.random.IntN(len(all))]
	}
	return strings.Join(chosen, " ")
}

// text is a phrase of up to n words, empty or very long now and then.
func (p *planner) text(n int) string {
	switch p.random.IntN(100) {
	case 0:
		return ""
	case 1:
		return p.letters(longText)
	default:
		return p.phrase(1 + p.random.IntN(n))
	}
}

// letters is n random characters.
func (p *planner) letters(n int) string {
	const from = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"
	var b strings.Builder
	b.Grow(n)
	for range n {
		b.WriteByte(from[p.random.IntN(len(from))])
	}
	return b.String()
}

// maybe is NULL once in five times.
func (p *planner) maybe(text string) *string {
	if p.random.IntN(5) == 0 {
		return nil
	}
	return &text
}
