package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	// Kill ends a replica at a random moment.
	Kill Kind = "service killed"
	// Point ends a replica at a named point of its work.
	Point Kind = "service killed at a point"
	// Zombie lets a replica stand still for longer than its session.
	Zombie Kind = "service paused (zombie)"
	// Join adds a replica for a while.
	Join Kind = "replica added and removed"
	// Kafka restarts the brokers.
	Kafka Kind = "Kafka restarted"
	// ClickHouseKill ends ClickHouse at a random moment.
	ClickHouseKill Kind = "ClickHouse killed"
	// ClickHouseExit ends ClickHouse in the middle of a block, or when it has stored
	// one and not answered.
	ClickHouseExit Kind = "ClickHouse killed at an insert"
	// ClickHousePlaced ends ClickHouse at the rename of a part: between a token and
	// its part, between the base table and a view, or between two views.
	ClickHousePlaced Kind = "ClickHouse killed at a rename"
	// ClickHouseAway refuses connections to ClickHouse.
	ClickHouseAway Kind = "ClickHouse unreachable"
	// ClickHouseHang lets nothing through to ClickHouse.
	ClickHouseHang Kind = "ClickHouse hangs"
	// ClickHouseSlow slows ClickHouse's network down.
	ClickHouseSlow Kind = "ClickHouse slow"
	// ClickHouseReset resets connections in the middle of a block or of an answer.
	ClickHouseReset Kind = "ClickHouse reset in mid-block"
	// ClickHouseCut resets connections when the rows are stored, before the answer.
	ClickHouseCut Kind = "ClickHouse cut before the answer"
	// ClickHouseRefuse lets ClickHouse answer inserts with an error code.
	ClickHouseRefuse Kind = "ClickHouse refuses"
	// RedisKill ends Redis at a random moment.
	RedisKill Kind = "Redis killed"
	// RedisAway refuses connections to Redis.
	RedisAway Kind = "Redis unreachable"
	// RedisHang lets nothing through to Redis.
	RedisHang Kind = "Redis hangs"
	// Constraint makes post_events refuse some events.
	Constraint Kind = "constraint planted"
	// View adds a view that throws at some events.
	View Kind = "view throws"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		Kill, Point, Zombie, Join, Kafka, ClickHouseKill, ClickHouseExit, ClickHousePlaced, ClickHouseAway, ClickHouseHang,
		ClickHouseSlow, ClickHouseReset, ClickHouseCut, ClickHouseRefuse, RedisKill, RedisAway, RedisHang, Constraint, View,
	}
}

// Fault is one fault. What does not apply to its kind is zero.
type Fault struct {
	Kind Kind
	// At is when it begins, from the start of the round, and For how long it lasts.
	At, For time.Duration
	// Service and Replica say who is hit.
	Service string
	Replica int
	// Point is a failpoint's name, and N the pass at which it strikes, or the number
	// of a rename, or of inserts.
	Point string
	N     int
	// After says whether it strikes when the rows are stored, rather than before.
	After bool
	// Bytes is how many pass before a reset.
	Bytes int64
	// Code is ClickHouse's error code.
	Code int
	// Table is the only table whose inserts are hit; empty is any.
	Table string
}

// part is what a fault touches; two faults of a round never touch the same.
func (f Fault) part() string {
	switch f.Kind {
	case Kill, Point, Zombie, Join:
		return f.Service
	case Kafka:
		return "Kafka"
	case RedisKill, RedisAway, RedisHang:
		return "Redis"
	case Constraint, View:
		return "schema"
	default:
		return "ClickHouse"
	}
}

// String says all that there is to say.
func (f Fault) String() string {
	words := []string{fmt.Sprintf("%5.2fs %s", f.At.Seconds(), f.Kind)}
	add := func(has bool, format string, value any) {
		if has {
			words = append(words, fmt.Sprintf(format, value))
		}
	}
	add(f.For > 0, "for %v", f.For)
	add(f.Service != "", "%s", f.Service)
	add(f.Service != "" && f.Kind != Join, "%d", f.Replica)
	add(f.Point != "", "at %s", f.Point)
	add(f.Code != 0, "with code %d", f.Code)
	add(f.Table != "", "for %s", f.Table)
	add(f.N != 0, "n=%d", f.N)
	add(f.Bytes != 0, "behind %d bytes", f.Bytes)
	add(f.After, "%s", "after storing")
	return strings.Join(words, " ")
}
