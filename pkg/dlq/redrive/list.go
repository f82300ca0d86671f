package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// listing prints letters.
type listing struct {
	filter filter
	limit  int
	asJSON bool
}

// flushRows are aligned with each other.
const flushRows = 1000

// errLimit ends a reading that has enough.
var errLimit = errors.New("enough")

func (l listing) run(ctx context.Context, s *session) error {
	table := tabwriter.NewWriter(s.to.stdout, 0, 0, 2, ' ', 0)
	printed, classes := 0, map[string]int{}
	err := s.archive.readAll(ctx, func(e entry) error {
		if !l.isMeant(s, &e) {
			return nil
		}
		if l.limit > 0 && printed == l.limit {
			return errLimit
		}
		if printed++; printed%flushRows == 0 {
			_ = table.Flush() // or all of them were in memory; an error comes again
		}
		classes[e.letter.ErrorClass]++
		if l.asJSON {
			return l.printJSON(s, &e)
		}
		if printed == 1 {
			fmt.Fprintln(table, "LETTER\tFAILED AT\tCLASS\tTRIES\tRECORD\tKEY\tERROR")
		}
		letter := &e.letter
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.archive.position(&e), letter.FailedAt.Format(time.RFC3339),
			letter.ErrorClass, letter.RetryCount, letter.Origin(), line(string(letter.Key.Bytes()), 40), line(letter.Error, 100))
		return nil
	})
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing letters: %w", err)
	}
	if errors.Is(err, errLimit) {
		s.to.say("%s, and there are more: see --limit", summary(printed, classes))
		return nil
	}
	if err == nil {
		s.to.say("%s", summary(printed, classes))
	}
	return err
}

// isMeant says whether to print a letter; what is none is told of.
func (l listing) isMeant(s *session, e *entry) bool {
	if e.err != nil {
		s.to.say("%s is no letter: %v", s.archive.position(e), e.err)
		return false
	}
	return l.filter.matches(&e.letter)
}

// summary counts letters by their class.
func summary(letters int, classes map[string]int) string {
	counts := make([]string, 0, len(classes))
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		counts = append(counts, fmt.Sprintf("%d %s", classes[class], class))
	}
	if letters == 0 {
		return "no letters"
	}
	return fmt.Sprintf("letters: %d (%s)", letters, strings.Join(counts, ", "))
}

// printJSON prints a letter on one line, as it is, with its place put before it.
func (listing) printJSON(s *session, e *entry) error {
	encoded, err := e.letter.Encode()
	if err != nil {
		return err
	}
	place, err := json.Marshal(s.archive.position(e))
	if err != nil {
		return fmt.Errorf("encoding a letter's place: %w", err)
	}
	_, err = fmt.Fprintf(s.to.stdout, `{"letter":%s,%s`+"\n", place, encoded[1:])
	return err
}

// line is text on one line of at most so many runes, and nothing that a terminal
// would take for a command.
func line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
