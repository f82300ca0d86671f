package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

const events = "events"

// errAway is a store's that does not answer.
var errAway = errors.New("away")

// store is a Sink that drops a block whose token it knows, as ClickHouse does.
// Members share one.
type store struct {
	mu      sync.Mutex
	tokens  map[string]int    // attempts
	rows    map[string]int    // by value
	plans   []consumer.Plan   // in the order of their attempts
	journal []string          // what was done
	poison  map[string]bool   // values that the table refuses
	bad     map[string]bool   // values that do not decode
	fault   func(n int) error // of the n-th attempt, after it has had its effect
	block   chan struct{}     // attempts wait for it, if it is there
	held    bool
}

func newStore() *store {
	return &store{tokens: map[string]int{}, rows: map[string]int{}, poison: map[string]bool{}, bad: map[string]bool{}}
}

func (s *store) Holds(context.Context, string, int) (bool, error) { return s.held, nil }

// load is a batch for a store.
type load struct {
	store    *store
	rows     []string
	rejected []string
}

func (s *store) Prepare(_ context.Context, records []consumer.Record) (consumer.Load, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &load{store: s}
	for _, r := range records {
		if value := string(r.Value); s.bad[value] {
			l.rejected = append(l.rejected, value)
		} else {
			l.rows = append(l.rows, value)
		}
	}
	return l, nil
}

func (l *load) Rejects() int { return len(l.rejected) }

func (l *load) Bury(context.Context) error {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	for _, value := range l.rejected {
		l.store.journal = append(l.store.journal, "letter "+value)
	}
	l.rejected = nil
	return nil
}

func (l *load) Store(ctx context.Context, plan consumer.Plan) error {
	if err := l.store.await(ctx); err != nil {
		return err
	}
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans = append(s.plans, plan)
	good := slices.DeleteFunc(slices.Clone(l.rows), func(value string) bool { return s.poison[value] })
	if len(good) < len(l.rows) {
		for _, value := range l.rows {
			if s.poison[value] {
				l.rejected = append(l.rejected, value)
			}
		}
		l.rows = good
		return fmt.Errorf("%w: %d", consumer.ErrRejected, len(l.rejected))
	}
	s.journal = append(s.journal, "insert")
	if s.tokens[plan.Text]++; s.tokens[plan.Text] == 1 {
		for _, value := range l.rows {
			s.rows[value]++
		}
	}
	if s.fault != nil {
		return s.fault(len(s.plans))
	}
	return nil
}

func (*load) Done(bool) {}

// await waits while attempts are held.
func (s *store) await(ctx context.Context) error {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block == nil {
		return nil
	}
	select {
	case <-block:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *store) stored() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.rows)
}

func (s *store) attempted() []consumer.Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.plans)
}

// hold makes attempts wait until release is called.
func (s *store) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	block := make(chan struct{})
	s.block = block
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.block = nil
		close(block)
	}
}

func startPlanned(t *testing.T, cluster *kafkatest.Cluster, cfg settings, s consumer.Sink) *member {
	t.Helper()
	return startWith(t, cluster, cfg, func(d *consumer.Deps) { d.Topics, d.Sink, d.Plans = []string{events}, s, true })
}
