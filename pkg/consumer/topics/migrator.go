package topics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/broker"
)

// leaderInterval is how often Apply looks whether new topics have leaders.
const leaderInterval = 100 * time.Millisecond

// Migrator brings one cluster to the declared topics.
type Migrator struct {
	client   *kafka.Client
	log      *slog.Logger
	declared []Topic
}

// New makes a Migrator of the cluster for the topics, which Declared returns.
func New(cluster *broker.Cluster, declared []Topic, log *slog.Logger) *Migrator {
	return &Migrator{client: cluster.Client(), log: log, declared: declared}
}

// Plan is what Apply would do, and what keeps it from doing so.
type Plan struct {
	Steps []Step   `json:"steps"`
	Drift []string `json:"drift"`
}

// Step is one thing that Apply does to one topic.
type Step struct {
	Topic string `json:"topic"`
	// Name says in words what is done.
	Name string `json:"name"`

	create *kafka.TopicConfig
	set    []kafka.IncrementalAlterConfigsRequestConfig
}

// DriftError is why Apply did nothing.
type DriftError struct{ Drift []string }

// Error implements error.
func (e *DriftError) Error() string {
	return "the cluster differs from topics.yaml:\n  " + strings.Join(e.Drift, "\n  ")
}

// Plan compares the cluster with the declared topics and changes nothing.
func (m *Migrator) Plan(ctx context.Context) (Plan, error) {
	found, err := m.read(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Steps: []Step{}, Drift: []string{}}
	for _, topic := range m.declared {
		existing, ok := found.topics[topic.Name]
		if !ok {
			plan.Steps = append(plan.Steps, createStep(topic.fittedTo(found.brokers)))
			continue
		}
		if existing.Partitions < topic.Partitions {
			plan.Drift = append(plan.Drift, fmt.Sprintf(
				"topic %s has %d partitions, declared are %d; more partitions give keys another partition, which breaks their order: "+
					"stop the producers, let the consumers finish, and add them with kafka-topics.sh --alter",
				topic.Name, existing.Partitions, topic.Partitions))
		}
		if step, differs := alterStep(topic.fittedTo(existing.Replication), existing); differs {
			plan.Steps = append(plan.Steps, step)
		}
	}
	return plan, nil
}

// Apply does what Plan says and waits for leaders. It returns the plan it
// followed, and a *DriftError if it followed none.
func (m *Migrator) Apply(ctx context.Context) (Plan, error) {
	plan, err := m.Plan(ctx)
	if err != nil {
		return plan, err
	}
	if len(plan.Drift) > 0 {
		return plan, &DriftError{Drift: plan.Drift}
	}
	for _, step := range plan.Steps {
		m.log.Info("applying topic step", "topic", step.Topic, "step", step.Name)
	}
	if err := errors.Join(m.create(ctx, plan.Steps), m.alter(ctx, plan.Steps)); err != nil {
		return plan, err
	}
	return plan, m.awaitLeaders(ctx)
}

// create makes the topics of all steps that create one, in one request. A topic
// that exists by now is as good.
func (m *Migrator) create(ctx context.Context, steps []Step) error {
	request := &kafka.CreateTopicsRequest{}
	for _, step := range steps {
		if step.create != nil {
			request.Topics = append(request.Topics, *step.create)
		}
	}
	if len(request.Topics) == 0 {
		return nil
	}
	answer, err := m.client.CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	var problems []error
	for _, topic := range request.Topics {
		if err := answer.Errors[topic.Topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			problems = append(problems, fmt.Errorf("creating topic %s: %w", topic.Topic, err))
		}
	}
	return errors.Join(problems...)
}

// alter sets the configuration of all steps that set some, in one request.
func (m *Migrator) alter(ctx context.Context, steps []Step) error {
	request := &kafka.IncrementalAlterConfigsRequest{}
	for _, step := range steps {
		if len(step.set) > 0 {
			request.Resources = append(request.Resources, kafka.IncrementalAlterConfigsRequestResource{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: step.Topic, Configs: step.set,
			})
		}
	}
	if len(request.Resources) == 0 {
		return nil
	}
	answer, err := m.client.IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("setting the configuration of topics: %w", err)
	}
	var problems []error
	for _, resource := range answer.Resources {
		if resource.Error != nil {
			problems = append(problems, fmt.Errorf("setting the configuration of topic %s: %w", resource.ResourceName, resource.Error))
		}
	}
	return errors.Join(problems...)
}

// awaitLeaders returns when each declared topic can be written to: for a moment
// after its creation a topic answers NOT_LEADER.
func (m *Migrator) awaitLeaders(ctx context.Context) error {
	ticker := time.NewTicker(leaderInterval)
	defer ticker.Stop()
	for {
		missing, err := m.withoutLeader(ctx)
		if err != nil || missing == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the leaders of topic %s: %w", missing, ctx.Err())
		case <-ticker.C:
		}
	}
}

// withoutLeader returns a declared topic that is not ready, empty if none.
func (m *Migrator) withoutLeader(ctx context.Context) (string, error) {
	metadata, err := m.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return "", fmt.Errorf("reading the topics: %w", err)
	}
	ready := map[string]bool{}
	for _, topic := range metadata.Topics {
		ready[topic.Name] = topic.Error == nil && len(topic.Partitions) > 0
		for _, partition := range topic.Partitions {
			if partition.Error != nil || partition.Leader.Host == "" {
				ready[topic.Name] = false
			}
		}
	}
	for _, topic := range m.declared {
		if !ready[topic.Name] {
			return topic.Name, nil
		}
	}
	return "", nil
}
