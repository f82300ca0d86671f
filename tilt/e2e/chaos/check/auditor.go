package check

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// Deps is what an Auditor asks.
type Deps struct {
	Kafka *kafkaio.Client
	// Query returns a statement's result in the format that it names.
	Query func(ctx context.Context, sql string) (string, error)
	Truth *workload.Generator
	// Groups maps each consumer group to the topics that it must have committed.
	Groups map[string][]string
	// Start is what the truth's times are reckoned from.
	Start time.Time
	// Changes says whether the tables of changes are compared.
	Changes bool
}

// Auditor compares the system with the truth.
type Auditor struct {
	deps    Deps
	journal *Journal
}

// New returns an auditor.
func New(deps Deps) *Auditor {
	return &Auditor{deps: deps, journal: NewJournal(deps.Kafka, deps.Truth)}
}

const quietPoll = 50 * time.Millisecond

// AwaitQuiet waits until every group has committed all records of its topics. When
// ctx ends before, it returns the partitions that are not done.
func (a *Auditor) AwaitQuiet(ctx context.Context) ([]Violation, error) {
	ends := map[string][]int64{}
	for group, topics := range a.deps.Groups {
		for _, topic := range topics {
			if ends[topic] == nil {
				var err error
				if ends[topic], err = a.deps.Kafka.Ends(ctx, topic); err != nil {
					return nil, err
				}
			}
			behind, err := a.awaitCommits(ctx, group, topic, ends[topic])
			if behind != nil || err != nil {
				return behind, err
			}
		}
	}
	return nil, nil
}

// awaitCommits polls one topic of one group.
func (a *Auditor) awaitCommits(ctx context.Context, group, topic string, ends []int64) ([]Violation, error) {
	for {
		committed, err := a.deps.Kafka.Committed(ctx, group, topic, len(ends))
		if err == nil && slices.Equal(committed, ends) {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			if committed == nil {
				return nil, err
			}
			return behind(group, topic, committed, ends), nil
		case <-time.After(quietPoll):
		}
	}
}

func behind(group, topic string, committed, ends []int64) []Violation {
	var found []Violation
	for partition, end := range ends {
		if committed[partition] != end {
			found = append(found, Violation{
				group, Stuck,
				fmt.Sprintf("%s/%d: committed %d of %d", topic, partition, committed[partition], end),
			})
		}
	}
	return found
}

// Check returns everything that is not as it must be when all is quiet.
func (a *Auditor) Check(ctx context.Context) ([]Violation, error) {
	if err := a.journal.Update(ctx, a.topics()); err != nil {
		return nil, err
	}
	if err := a.journal.complete(); err != nil {
		return nil, fmt.Errorf("comparing what was sent with the topics: %w", err)
	}
	found := a.letters()
	checks := []func(context.Context) ([]Violation, error){a.events, a.sums}
	if a.deps.Changes {
		checks = append(checks, a.changes)
	}
	for _, check := range checks {
		violations, err := check(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, violations...)
	}
	return found, nil
}

func (a *Auditor) topics() []string {
	topics := []string{workload.Topic, "events-dlq"}
	if a.deps.Changes {
		topics = append(topics, "cdc-dlq")
		for _, table := range workload.Tables() {
			topics = append(topics, table.Topic())
		}
	}
	return topics
}

// rows runs a query in the format JSONCompactEachRow and gives each row to read.
func rows[T any](ctx context.Context, a *Auditor, sql string, read func(T) error) error {
	text, err := a.deps.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	for decoder.More() {
		var row T
		if err := decoder.Decode(&row); err != nil {
			return fmt.Errorf("%s: reading the answer: %w", sql, err)
		}
		if err := read(row); err != nil {
			return err
		}
	}
	return nil
}
