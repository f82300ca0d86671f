package board

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const unknown = "–"

// count is a whole number in groups of three digits.
func count(n float64) string {
	if n < 0 || math.IsNaN(n) {
		return unknown
	}
	digits := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// rate is a number per second, with one decimal below a hundred.
func rate(n float64) string {
	if n < 0 || math.IsNaN(n) {
		return unknown
	}
	if n < 100 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return count(n)
}

// seconds is a short span, in milliseconds below a second.
func seconds(s float64) string {
	switch {
	case s < 0 || math.IsNaN(s):
		return unknown
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

// percent is a share of one.
func percent(share float64) string {
	if share < 0 || math.IsNaN(share) {
		return unknown
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// clock is a span as hours, minutes and seconds.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// fit cuts text to width, and shows that it did.
func fit(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}

// wrap joins names into lines of about that width.
func wrap(names []string, width int) (lines []string) {
	line := ""
	for _, name := range names {
		switch {
		case line == "":
			line = name
		case utf8.RuneCountInString(line)+2+utf8.RuneCountInString(name) > width:
			lines = append(lines, line+",")
			line = name
		default:
			line += ", " + name
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// fill pads text to width, on the side given by its alignment.
func fill(text string, width int, right bool) string {
	gap := strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
	if right {
		return gap + text
	}
	return text + gap
}
