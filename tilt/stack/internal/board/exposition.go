package board

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxExposition bounds what is read of one service's metrics.
const maxExposition = 4 << 20

// exposition is one reading of a service's metrics: the sum and the maximum over
// the label sets of every name, and for histograms the sums of their buckets.
type exposition struct {
	sums    map[series]float64
	largest map[string]float64
	buckets map[series]map[float64]float64 // upper bound: count of values up to it
}

// series is a metric, or what a metric says under one value of one label.
type series struct{ metric, label, value string }

// told are the labels by which metrics are told apart; over all others they are
// summed up.
func told() []string { return []string{"topic", "phase", "outcome", "part"} }

// parseExposition reads Prometheus' text format.
func parseExposition(from io.Reader) (exposition, error) {
	read := exposition{sums: map[series]float64{}, largest: map[string]float64{}, buckets: map[series]map[float64]float64{}}
	lines := bufio.NewScanner(io.LimitReader(from, maxExposition))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := read.add(line); err != nil {
			return exposition{}, err
		}
	}
	if err := lines.Err(); err != nil {
		return exposition{}, fmt.Errorf("reading metrics: %w", err)
	}
	return read, nil
}

// add reads one sample: name{label="value",…} value [timestamp].
func (e exposition) add(line string) error {
	name, rest, labelled := line, "", false
	if i := strings.IndexAny(line, "{ \t"); i > 0 {
		name, rest, labelled = line[:i], line[i:], line[i] == '{'
	}
	bound, labels := "", ""
	if labelled {
		end := labelsEnd(rest)
		if end < 0 {
			return fmt.Errorf("reading metrics: labels without an end: %.100q", line)
		}
		labels, rest = rest[:end], rest[end:]
		bound = label(labels, "le")
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return fmt.Errorf("reading metrics: no value: %.100q", line)
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return fmt.Errorf("reading metrics: %.100q: %w", line, err)
	}
	for _, of := range seriesOf(name, labels) {
		e.sums[of] += value
	}
	if most, ok := e.largest[name]; !ok || value > most {
		e.largest[name] = value
	}
	if upper, err := strconv.ParseFloat(bound, 64); err == nil && !math.IsNaN(upper) {
		for _, of := range seriesOf(strings.TrimSuffix(name, "_bucket"), labels) {
			e.count(of, upper, value)
		}
	}
	return nil
}

// seriesOf returns the metric itself, and what it is told apart by.
func seriesOf(metric, labels string) []series {
	found := []series{{metric: metric}}
	for _, name := range told() {
		if value := label(labels, name); value != "" {
			found = append(found, series{metric, name, value})
		}
	}
	return found
}

func (e exposition) count(histogram series, upper, value float64) {
	if e.buckets[histogram] == nil {
		e.buckets[histogram] = map[float64]float64{}
	}
	e.buckets[histogram][upper] += value
}

// labelsEnd returns the index behind the closing brace, which values in quotes
// may contain too.
func labelsEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '}' && !quoted:
			return i + 1
		}
	}
	return -1
}

// label returns the value of a label, empty without it. Values with escapes are
// cut short at the first.
func label(labels, name string) string {
	_, after, found := strings.Cut(labels, "{"+name+`="`)
	if !found {
		_, after, _ = strings.Cut(labels, ","+name+`="`)
	}
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// sum returns the value of a metric, -1 when the service does not report it.
func (e exposition) sum(name string) float64 {
	if value, ok := e.sums[series{metric: name}]; ok {
		return value
	}
	return -1
}

// total is the sum of a counter, which a service reports once it has counted
// something: 0 before that, -1 when the service did not answer.
func (e exposition) total(of series) float64 {
	if len(e.sums) == 0 {
		return -1
	}
	return e.sums[of]
}

// most returns the largest value of a metric, -1 when the service does not
// report it.
func (e exposition) most(name string) float64 {
	if value, ok := e.largest[name]; ok {
		return value
	}
	return -1
}

// quantile estimates below which value a share q of what a histogram has seen
// since an earlier reading lies; -1 when it has seen nothing. A histogram that
// has shrunk belongs to a service that was restarted, and counts from 0.
func (e exposition) quantile(of series, q float64, since exposition) float64 {
	type bucket struct{ bound, count float64 }
	buckets := make([]bucket, 0, len(e.buckets[of]))
	for bound, now := range e.buckets[of] {
		before := since.buckets[of][bound]
		if now < before {
			before = 0
		}
		buckets = append(buckets, bucket{bound, now - before})
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	if len(buckets) == 0 || buckets[len(buckets)-1].count <= 0 {
		return -1
	}
	rank, lower, below := q*buckets[len(buckets)-1].count, 0.0, 0.0
	for _, b := range buckets {
		if b.count < rank {
			lower, below = b.bound, b.count
			continue
		}
		if math.IsInf(b.bound, 1) {
			return lower
		}
		return lower + (b.bound-lower)*(rank-below)/max(b.count-below, 1e-9)
	}
	return lower
}
