package check

import (
	"bytes"
	"fmt"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// letters compares the letters with the records that must have become one. A letter
// may be there several times.
func (a *Auditor) letters() []Violation {
	var found []Violation
	j := a.journal
	for at, record := range j.poison {
		found = append(found, compareLetters(at, record, j.letters[at])...)
	}
	for at, letters := range j.letters {
		if _, isPoison := j.poison[at]; isPoison {
			continue
		}
		record, isRefused := j.refused[at]
		if !isRefused {
			found = append(found, Violation{lettersOf(at.Topic), Wrong, fmt.Sprintf("the record at %v has a letter: %s", at, letters[0].Error)})
			continue
		}
		found = append(found, compareLetters(at, record, letters)...)
	}
	return append(found, a.refusals()...)
}

// refusals looks for the letters of events that a constraint has refused: of all
// copies of one, exactly the one that was to be stored has one.
func (a *Auditor) refusals() []Violation {
	var found []Violation
	for id, e := range a.deps.Truth.Events() {
		if !e.IsForbidden {
			continue
		}
		var with []Place
		for _, at := range a.journal.copies[id] {
			if len(a.journal.letters[at]) > 0 {
				with = append(with, at)
			}
		}
		switch {
		case len(with) == 0:
			found = append(found, Violation{"events-dlq", Lost, fmt.Sprintf("refused event %s of round %d, copies at %v", id, e.Round, a.journal.copies[id])})
		case len(with) > 1:
			found = append(found, Violation{"events-dlq", Doubled, fmt.Sprintf("refused event %s of round %d: letters of %v", id, e.Round, with)})
		}
	}
	return found
}

func lettersOf(topic string) string {
	if topic == "events" {
		return "events-dlq"
	}
	return "cdc-dlq"
}

func compareLetters(at Place, record kafkaio.Record, letters []dlq.Letter) []Violation {
	where := lettersOf(at.Topic)
	if len(letters) == 0 {
		return []Violation{{where, Lost, fmt.Sprintf("no letter of the record at %v: %.80q", at, record.Value)}}
	}
	var found []Violation
	for _, letter := range letters {
		if what := differs(record, letter); what != "" {
			found = append(found, Violation{where, Wrong, fmt.Sprintf("letter of the record at %v: %s", at, what)})
		}
	}
	return found
}

// differs says what a letter does not have as the record has it.
func differs(record kafkaio.Record, letter dlq.Letter) string {
	original, err := letter.Original()
	switch {
	case err != nil:
		return err.Error()
	case !bytes.Equal(original, record.Value) || (original == nil) != (record.Value == nil):
		return fmt.Sprintf("value %q, want %q", original, record.Value)
	case !bytes.Equal(letter.Key.Bytes(), record.Key):
		return fmt.Sprintf("key %q, want %q", letter.Key.Bytes(), record.Key)
	case len(letter.Headers) != len(record.Headers):
		return fmt.Sprintf("%d headers, want %d", len(letter.Headers), len(record.Headers))
	case letter.Error == "" || letter.ErrorClass == "":
		return "no reason"
	}
	for i, h := range record.Headers {
		if got := letter.Headers[i]; got.Key != h.Key || !bytes.Equal(got.Value.Bytes(), h.Value) {
			return fmt.Sprintf("header %s, want %s", got.Key, h.Key)
		}
	}
	return ""
}
