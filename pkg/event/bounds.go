package event

import "time"

// MaxTimeMS is the latest time that an event can have, the end of the year 2299,
// where DateTime64 ends; the earliest is 1.
const MaxTimeMS = 10_413_791_999_999

// Bounds is what a batch from a client may hold. Records from Kafka are not held
// to it: whether they are taken must not depend on when they are read. Nor are
// they held to a client's actions and its limits on attributes, which a newer
// client may exceed.
type Bounds struct {
	// MaxEvents is the largest number of events.
	MaxEvents int
	// Earliest and Latest are the first and last times accepted.
	Earliest, Latest time.Time
}

// isWithin reports whether an event of that time is accepted.
func (b Bounds) isWithin(timeMS int64) bool {
	return b.Earliest.UnixMilli() <= timeMS && timeMS <= b.Latest.UnixMilli()
}

func (b Bounds) timeRule() string {
	return "must be from " + b.Earliest.UTC().Format(time.RFC3339) + " to " + b.Latest.UTC().Format(time.RFC3339)
}
