package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Range is a run of offsets of one partition, from First to Last. Some of them
// may hold no record.
type Range struct {
	Partition   int
	First, Last int64
}

// Batch is at most one range of each partition of a topic, by partition.
type Batch struct {
	Topic  string
	Ranges []Range
	// TimeMS is the Kafka timestamp, in milliseconds, of the first record of the
	// lowest partition that has any, or NoTime. It tells the records of a topic
	// that was made anew from those of the old one.
	TimeMS int64
}

// NoTime is the time of a batch without records.
const NoTime int64 = -1

// Of returns the range of a partition.
func (b Batch) Of(partition int) (Range, bool) {
	at, found := slices.BinarySearchFunc(b.Ranges, partition, func(r Range, p int) int { return cmp.Compare(r.Partition, p) })
	if !found {
		return Range{}, false
	}
	return b.Ranges[at], true
}

// Text names the batch: "topic|p:first-last,…|t=ms".
func (b Batch) Text() string {
	text := append([]byte(b.Topic), '|')
	for i, r := range b.Ranges {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(r.Partition), 10)
		text = append(text, ':')
		text = strconv.AppendInt(text, r.First, 10)
		text = append(text, '-')
		text = strconv.AppendInt(text, r.Last, 10)
	}
	text = append(text, "|t="...)
	return string(strconv.AppendInt(text, b.TimeMS, 10))
}

var errText = errors.New("it is no batch")

// ParseText reads what Text has written, and nothing else.
func ParseText(text string) (Batch, error) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 || parts[0] == "" || !strings.HasPrefix(parts[2], "t=") {
		return Batch{}, fmt.Errorf("reading %.200q: %w", text, errText)
	}
	b := Batch{Topic: parts[0]}
	for run := range strings.SplitSeq(parts[1], ",") {
		r, err := parseRange(run)
		if err != nil {
			return Batch{}, fmt.Errorf("reading %.200q: %w", text, err)
		}
		b.Ranges = append(b.Ranges, r)
	}
	var err error
	if b.TimeMS, err = strconv.ParseInt(parts[2][len("t="):], 10, 64); err != nil {
		return Batch{}, fmt.Errorf("reading %.200q: %w", text, err)
	}
	if b.Text() != text || !b.isOrdered() {
		return Batch{}, fmt.Errorf("reading %.200q: %w", text, errText)
	}
	return b, nil
}

func parseRange(text string) (r Range, err error) {
	partition, run, _ := strings.Cut(text, ":")
	first, last, _ := strings.Cut(run, "-")
	if r.Partition, err = strconv.Atoi(partition); err != nil {
		return r, err
	}
	if r.First, err = strconv.ParseInt(first, 10, 64); err != nil {
		return r, err
	}
	r.Last, err = strconv.ParseInt(last, 10, 64)
	return r, err
}

// isOrdered says whether ranges hold something, one a partition, in order.
func (b Batch) isOrdered() bool {
	before := -1
	for _, r := range b.Ranges {
		if r.Partition <= before || r.First < 0 || r.Last < r.First {
			return false
		}
		before = r.Partition
	}
	return true
}

// Plan is a batch that is to be stored under its text, whoever stores it.
type Plan struct {
	Batch Batch
	// AtMS is when it was made, by its maker's clock, in milliseconds since 1970.
	AtMS int64
}

// version begins the metadata of a plan.
const version = "v1"

// Metadata is the plan as it is committed: "v1;ms;text". With 16 partitions it
// has at most 1 100 bytes, and brokers take 4 096.
func (p Plan) Metadata() string {
	return version + ";" + strconv.FormatInt(p.AtMS, 10) + ";" + p.Batch.Text()
}

// ParseMetadata reads the metadata of a plan.
func ParseMetadata(metadata string) (Plan, error) {
	parts := strings.SplitN(metadata, ";", 3)
	if len(parts) != 3 || parts[0] != version {
		return Plan{}, fmt.Errorf("reading %.200q: it is no plan of version %s", metadata, version)
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return Plan{}, fmt.Errorf("reading %.200q: %w", metadata, err)
	}
	batch, err := ParseText(parts[2])
	if err != nil {
		return Plan{}, err
	}
	return Plan{Batch: batch, AtMS: at}, nil
}
