package trending

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

const (
	day = 24 * time.Hour

	shortestSpan = time.Minute
	longestSpan  = 31 * day
	// exactSpan is up to when a window of whole hours is counted by minutes too.
	exactSpan = 6 * time.Hour
	// minutelySpan is how far back windows go by minutes; these are kept for two
	// days.
	minutelySpan = day
)

var (
	errSpan  = errors.New("must be a whole number and m, h or d, from 1m to 31d, such as 90m, 24h or 7d")
	errHours = errors.New("must be whole hours when it is longer than 24h")

	span = regexp.MustCompile(`^([1-9][0-9]{0,4})([mhd])$`)
)

// Window is how far back a list looks. Text is how it was written, and names the
// list: 1h and 60m are two.
type Window struct {
	Text string
	Span time.Duration
}

// ParseWindow reads a window such as 90m, 1h or 7d.
func ParseWindow(text string) (Window, error) {
	length, err := parseSpan(text)
	if err != nil {
		return Window{}, err
	}
	if length > minutelySpan && length%time.Hour != 0 {
		return Window{}, errHours
	}
	return Window{Text: text, Span: length}, nil
}

func parseSpan(text string) (time.Duration, error) {
	parts := span.FindStringSubmatch(text)
	if parts == nil {
		return 0, errSpan
	}
	unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": day}[parts[2]]
	number, _ := strconv.Atoi(parts[1]) // at most five digits
	length := time.Duration(number) * unit
	if length < shortestSpan || length > longestSpan {
		return 0, errSpan
	}
	return length, nil
}

// bucket is the length of the sums that the window is made of.
func (w Window) bucket() time.Duration {
	if w.Span <= exactSpan || w.Span <= minutelySpan && w.Span%time.Hour != 0 {
		return time.Minute
	}
	return time.Hour
}

// bounds are the window's at now, from included, to not: the bucket that is
// running counts.
func (w Window) bounds(now time.Time) (from, to time.Time) {
	to = now.UTC().Truncate(w.bucket()).Add(w.bucket())
	return to.Add(-w.Span), to
}
