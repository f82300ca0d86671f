package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// Area is where: "postgresql", "connector", "kafka" or "clickhouse".
	Area string `json:"area"`
	// Text says what is, and why it matters where it is not ok.
	Text string `json:"text"`
	// Fix is what to run or set; empty if ok.
	Fix string `json:"fix,omitempty"`
}

// Report is all findings, in the order of the checks.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Failures counts the findings of level Fail.
func (r Report) Failures() int {
	count := 0
	for _, f := range r.Findings {
		if f.Level == Fail {
			count++
		}
	}
	return count
}

// WriteJSON writes the report as one object.
func (r Report) WriteJSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes a line for each finding.
func (r Report) WriteText(to io.Writer) error {
	var text strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "%-4s  %-10s  %s", f.Level, f.Area, f.Text)
		if f.Fix != "" {
			fmt.Fprintf(&text, ": %s", f.Fix)
		}
		text.WriteByte('\n')
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// area collects the findings of one place.
type area struct {
	name     string
	findings []Finding
}

func (a *area) ok(format string, args ...any) { a.add(OK, "", format, args...) }

func (a *area) warn(fix, format string, args ...any) { a.add(Warn, fix, format, args...) }

func (a *area) fail(fix, format string, args ...any) { a.add(Fail, fix, format, args...) }

func (a *area) add(level Level, fix, format string, args ...any) {
	a.findings = append(a.findings, Finding{Level: level, Area: a.name, Text: fmt.Sprintf(format, args...), Fix: fix})
}

// isWell tells whether nothing was found since a place in the findings but what is
// ok.
func (a *area) isWell(since int) bool {
	for _, f := range a.findings[since:] {
		if f.Level != OK {
			return false
		}
	}
	return true
}
