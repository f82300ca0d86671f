package failpoint

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
)

// Point is a place in the code at which a crash is worth trying.
type Point string

// The points, in the order in which a batch passes them.
const (
	// AfterClaim is when the events of a batch are claimed and nothing else is done.
	AfterClaim Point = "after_claim"
	// AfterLetter is when the letters of a batch are acknowledged, before the
	// first insert without their records.
	AfterLetter Point = "after_letter"
	// AfterPlan is when a plan is committed and not carried out.
	AfterPlan Point = "after_plan"
	// AfterInsert is when a batch is stored and not committed.
	AfterInsert Point = "after_insert"
)

// Points returns all points.
func Points() []Point { return []Point{AfterClaim, AfterLetter, AfterPlan, AfterInsert} }

// Rule is a rule of delivery that can be left out.
type Rule string

// The rules.
const (
	// ViewDedup is that views drop a block they have taken before.
	ViewDedup Rule = "view_dedup"
	// Plan is that a batch is named before it is stored.
	Plan Rule = "plan"
	// ClaimCoordinates is that a claim tells which record holds it.
	ClaimCoordinates Rule = "claim_coordinates"
	// LettersFirst is that letters are acknowledged before the insert without
	// their records.
	LettersFirst Rule = "letters_first"
)

// Rules returns all rules.
func Rules() []Rule { return []Rule{ViewDedup, Plan, ClaimCoordinates, LettersFirst} }

// Set is the points and rules of one process. A nil Set is inert.
type Set struct {
	points map[Point]*state
	off    []Rule
	log    *slog.Logger
	kill   func() error
}

// state is one point's.
type state struct {
	passes atomic.Int64
	// deadly is the number of the pass that kills, 0 for none.
	deadly atomic.Int64
}

// New returns the set that cfg, which is valid, asks for: nil unless it is
// enabled.
func New(cfg Config, log *slog.Logger) *Set {
	if !cfg.Enabled {
		return nil
	}
	s := &Set{points: map[Point]*state{}, log: log, kill: killSelf}
	for _, p := range Points() {
		s.points[p] = &state{}
	}
	for _, name := range cfg.Without {
		s.off = append(s.off, Rule(name))
	}
	log.Error("this process is under fault test: it can be killed from its admin port, and the rules named here are off", "without", s.off)
	return s
}

// Hit passes a point, and kills the process if it is armed for this pass.
func (s *Set) Hit(p Point) {
	if s == nil {
		return
	}
	point, isKnown := s.points[p]
	if !isKnown {
		s.log.Error("no such failpoint", "point", p)
		return
	}
	pass := point.passes.Add(1)
	if deadly := point.deadly.Load(); deadly != 0 && pass >= deadly && point.deadly.CompareAndSwap(deadly, 0) {
		s.log.Error("killing this process at a failpoint", "point", p, "pass", pass)
		if err := s.kill(); err != nil {
			s.log.Error("the kill failed", "error", err)
		}
	}
}

// Arm makes the count-th pass from now kill the process; 0 disarms the point. It
// replaces what the point was armed for before.
func (s *Set) Arm(p Point, count int64) error {
	if s == nil {
		return fmt.Errorf("arming %s: failpoints are not enabled", p)
	}
	point, isKnown := s.points[p]
	switch {
	case !isKnown:
		return fmt.Errorf("arming %q: there is no such point, there are %v", p, Points())
	case count < 0:
		return fmt.Errorf("arming %s: the count must not be negative", p)
	case count == 0:
		point.deadly.Store(0)
	default:
		point.deadly.Store(point.passes.Load() + count)
	}
	return nil
}

// Passes returns how often a point has been passed.
func (s *Set) Passes(p Point) int64 {
	if s == nil || s.points[p] == nil {
		return 0
	}
	return s.points[p].passes.Load()
}

// IsOff says whether a fault test has switched the rule off.
func (s *Set) IsOff(r Rule) bool { return s != nil && slices.Contains(s.off, r) }

// killSelf does not return on systems with SIGKILL.
func killSelf() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Kill()
}
