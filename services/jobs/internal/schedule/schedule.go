package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// The bounds of "@every".
const (
	Shortest = time.Second
	Longest  = 24 * time.Hour
)

// errForm says what a schedule can be.
var errForm = errors.New("must be @every and a duration, five cron fields (minute hour day month weekday, in UTC), " +
	"or one of @hourly @daily @weekly @monthly")

// Schedule is when a job runs. The zero Schedule has no ticks.
type Schedule struct {
	every time.Duration // 0 for cron
	cron  cron.Schedule
}

// Parse reads a schedule: "@every 60s", "*/5 * * * *", "@daily".
func Parse(text string) (Schedule, error) {
	if every, isEvery := strings.CutPrefix(text, "@every "); isEvery {
		return parseEvery(strings.TrimSpace(every))
	}
	return parseCron(text)
}

func parseEvery(text string) (Schedule, error) {
	every, err := time.ParseDuration(text)
	if err != nil || every < Shortest || every > Longest || every%time.Second != 0 {
		return Schedule{}, fmt.Errorf("the duration of @every must be whole seconds from %v to %v, such as 60s or 1h30m", Shortest, Longest)
	}
	return Schedule{every: every}, nil
}

func parseCron(text string) (Schedule, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 1 && isNamed(fields[0]):
	case len(fields) != 5, strings.Contains(fields[0], "="): // the parser would take the first of six for a time zone
		return Schedule{}, errForm
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return Schedule{}, fmt.Errorf("%w: %w", errForm, err)
	}
	if parsed.Next(time.Unix(0, 0).UTC()).IsZero() {
		return Schedule{}, errors.New("must name a day that exists")
	}
	return Schedule{cron: parsed}, nil
}

// isNamed tells the descriptors that are allowed from those the parser knows.
func isNamed(text string) bool {
	switch text {
	case "@hourly", "@daily", "@weekly", "@monthly":
		return true
	}
	return false
}

// Next returns the first tick after t; the zero time if there is none.
func (s Schedule) Next(t time.Time) time.Time {
	switch {
	case s.every > 0:
		since := time.Duration(t.UnixNano())
		return time.Unix(0, int64(since-since%s.every+s.every)).UTC()
	case s.cron != nil:
		return s.cron.Next(t.UTC())
	}
	return time.Time{}
}

// Latest returns the last tick at or before t; the zero time if there was none
// within five years.
func (s Schedule) Latest(t time.Time) time.Time {
	if s.every > 0 {
		return s.Next(t.Add(-s.every))
	}
	const day = 24 * time.Hour
	for _, back := range []time.Duration{time.Minute, time.Hour, day, 32 * day, 366 * day, 5 * 366 * day} {
		var latest time.Time
		for next := s.Next(t.Add(-back)); !next.IsZero() && !next.After(t); next = s.Next(next) {
			latest = next
		}
		if !latest.IsZero() {
			return latest
		}
	}
	return time.Time{}
}

// Span is how long two ticks take from t on: what was made at t and is older has
// missed a tick, and the time of one more.
func (s Schedule) Span(t time.Time) time.Duration {
	if s.every > 0 {
		return 2 * s.every
	}
	second := s.Next(s.Next(t))
	if second.IsZero() {
		return 0
	}
	return second.Sub(t)
}
