package event

import (
	"fmt"
	"strings"
)

// WholeBody is the Index of a problem that is not about one event.
const WholeBody = -1

// Problem is one rule that was broken.
type Problem struct {
	// Index is the event's place in the batch, from 0; 0 for a single record.
	Index int
	// Field is the JSON name of the field; empty if the event as a whole, or the
	// body, is at fault.
	Field string
	// Rule is what should hold: "must be a UUID".
	Rule string
}

// String is the problem in words.
func (p Problem) String() string {
	var words []string
	if p.Index != WholeBody {
		words = append(words, fmt.Sprintf("event %d:", p.Index))
	}
	if p.Field != "" {
		words = append(words, p.Field)
	}
	return strings.Join(append(words, p.Rule), " ")
}

// InvalidError is why nothing of an input was taken.
type InvalidError struct {
	// Problems holds at least one problem, in the order of the input.
	Problems []Problem
	// IsSyntax says that the input is not JSON, or not protobuf, at all.
	IsSyntax bool
}

// Error implements error; it names the first problems.
func (e *InvalidError) Error() string {
	const shown = 5
	texts := make([]string, 0, shown+1)
	for i, problem := range e.Problems {
		if i == shown {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Problems)-shown))
			break
		}
		texts = append(texts, problem.String())
	}
	return strings.Join(texts, "; ")
}

// maxProblems bounds the answer to a body made of nothing but mistakes.
const maxProblems = 1000

// problems collects what is wrong with one input.
type problems struct {
	list     []Problem
	isSyntax bool
}

func (p *problems) add(index int, field, rule string) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, Problem{Index: index, Field: field, Rule: rule})
	}
}

func (p *problems) syntax(index int, rule string) {
	p.isSyntax = true
	p.add(index, "", rule)
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &InvalidError{Problems: p.list, IsSyntax: p.isSyntax}
}
