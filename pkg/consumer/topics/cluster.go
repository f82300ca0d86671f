package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// minInSync may not exceed the number of copies: nothing could be written.
const minInSync = "min.insync.replicas"

// found is what a cluster holds of the declared topics.
type found struct {
	brokers int
	topics  map[string]Topic
}

// read returns the declared topics that exist, with their partitions and the
// settings in force.
func (m *Migrator) read(ctx context.Context) (found, error) {
	metadata, err := m.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return found{}, fmt.Errorf("reading the topics: %w", err)
	}
	existing := map[string]Topic{}
	for _, topic := range metadata.Topics {
		if len(topic.Partitions) > 0 {
			existing[topic.Name] = Topic{
				Name: topic.Name, Partitions: len(topic.Partitions), Replication: len(topic.Partitions[0].Replicas), Config: map[string]string{},
			}
		}
	}
	cluster := found{brokers: len(metadata.Brokers), topics: map[string]Topic{}}
	request := &kafka.DescribeConfigsRequest{}
	for _, topic := range m.declared {
		had, ok := existing[topic.Name]
		if !ok {
			continue
		}
		cluster.topics[topic.Name] = had
		request.Resources = append(request.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic.Name, ConfigNames: slices.Sorted(maps.Keys(topic.Config)),
		})
	}
	if len(request.Resources) == 0 {
		return cluster, nil
	}
	answer, err := m.client.DescribeConfigs(ctx, request)
	if err != nil {
		return found{}, fmt.Errorf("reading the settings of the topics: %w", err)
	}
	var problems []error
	for _, resource := range answer.Resources {
		if resource.Error != nil {
			problems = append(problems, fmt.Errorf("reading the settings of topic %s: %w", resource.ResourceName, resource.Error))
		}
		for _, entry := range resource.ConfigEntries {
			cluster.topics[resource.ResourceName].Config[entry.ConfigName] = entry.ConfigValue
		}
	}
	return cluster, errors.Join(problems...)
}

// fittedTo returns the topic for so many copies at most.
func (t Topic) fittedTo(copies int) Topic {
	t.Replication = max(1, min(t.Replication, copies))
	t.Config = maps.Clone(t.Config)
	if least, err := strconv.Atoi(t.Config[minInSync]); err == nil {
		t.Config[minInSync] = strconv.Itoa(min(least, t.Replication))
	}
	return t
}

func createStep(topic Topic) Step {
	create := kafka.TopicConfig{Topic: topic.Name, NumPartitions: topic.Partitions, ReplicationFactor: topic.Replication}
	for _, name := range slices.Sorted(maps.Keys(topic.Config)) {
		create.ConfigEntries = append(create.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: topic.Config[name]})
	}
	return Step{
		Topic:  topic.Name,
		Name:   fmt.Sprintf("create (partitions %d, replication %d)", topic.Partitions, topic.Replication),
		create: &create,
	}
}

// alterStep sets what is declared and not in force.
func alterStep(topic, existing Topic) (Step, bool) {
	step := Step{Topic: topic.Name}
	for _, name := range slices.Sorted(maps.Keys(topic.Config)) {
		want, has := topic.Config[name], existing.Config[name]
		if isSatisfied(name, want, has) {
			continue
		}
		if step.Name != "" {
			step.Name += ", "
		}
		step.Name += fmt.Sprintf("set %s to %s, not %s", name, want, has)
		step.set = append(step.set, kafka.IncrementalAlterConfigsRequestConfig{
			Name: name, Value: want, ConfigOperation: kafka.ConfigOperationSet,
		})
	}
	return step, len(step.set) > 0
}

// isSatisfied reports whether a setting in force does what is declared.
func isSatisfied(name, want, has string) bool {
	if want == has {
		return true
	}
	if name != "retention.ms" && name != "max.message.bytes" {
		return false
	}
	least, wantErr := strconv.ParseInt(want, 10, 64)
	actual, hasErr := strconv.ParseInt(has, 10, 64)
	const forever = -1
	return wantErr == nil && hasErr == nil && (actual == forever || least != forever && actual >= least)
}
