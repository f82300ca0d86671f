package traffic

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

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

// plainWords is how many of the words are of letters a to z.
const plainWords = 8

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
	case 1, 2, 3:
		return p.letters(longText)
	default:
		return p.phrase(1 + p.random.IntN(n))
	}
}

// content is a text that is not empty.
func (p *planner) content(n int) string {
	if text := p.text(n); text != "" {
		return text
	}
	return "."
}

// name is a username, which no other id shares.
func (p *planner) name(id uuid.UUID) string {
	return fmt.Sprintf("%s_%x", words()[p.random.IntN(plainWords)], id[:8])
}

func (p *planner) imageKey() string { return "images/" + p.letters(20) + ".webp" }

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
