package board

import "time"

// View is everything shown at one moment. Negative numbers are not known.
type View struct {
	Running   time.Duration
	Remaining time.Duration // until the planned end, 0 without one

	Rates     []Rate
	Tables    []Table
	Groups    []Group
	Freshness []Freshness
	Source    *Source // nil where nobody watches it
	Caches    []Fact
	Trending  *Trending // nil where nobody computes it
	Parts     []Part
	Addresses []Address
}

// Rate is something counted.
type Rate struct {
	Name      string
	PerSecond float64
	Total     float64
}

// Table is a table of ClickHouse.
type Table struct {
	Name      string
	Rows      float64 // stored, superseded ones included
	PerSecond float64
}

// Group is a service's consumer group.
type Group struct {
	Service     string
	Lag         float64 // records
	Oldest      float64 // age in seconds of the oldest record read and not done with
	DeadLetters float64
}

// Freshness is how long data takes until queries see it, in seconds.
type Freshness struct {
	Name     string
	P50, P99 float64
}

// Source is where changes come from, as cdc-ingest sees it.
type Source struct {
	LagBytes, Lag float64 // WAL that the connector has not confirmed, and its age in seconds
	Connector     string
	Heartbeat     float64 // age in seconds of the connector's newest
	// Problems are those of slot, connector and heartbeat that are not as they should
	// be.
	Problems []string
}

// Fact is one thing about the caches, ready to be shown.
type Fact struct{ Name, Value string }

// Trending is what the jobs API says is trending.
type Trending struct {
	// Stale says that ClickHouse cannot be asked, and the list is an old one.
	Stale bool
	Posts []Score // the highest first; empty while it is not known
}

// Score is one trending post.
type Score struct {
	Post  string
	Score float64
}

// Part is one process of the stack.
type Part struct {
	Name  string
	State string // one word, such as ready or starting
	Ready bool
	Note  string // what there is to know about a part that is not ready, or was not
}

// Address is something to look at.
type Address struct{ Name, URL string }
