package topics

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"

	"github.com/goccy/go-yaml"
)

//go:embed topics.yaml
var embedded []byte

// Topic is one declared topic.
type Topic struct {
	Name        string            `yaml:"name"`
	Partitions  int               `yaml:"partitions"`
	Replication int               `yaml:"replication"`
	Config      map[string]string `yaml:"config"`
}

// Declared returns the topics of topics.yaml with the defaults filled in.
func Declared() ([]Topic, error) { return parse(embedded) }

func parse(text []byte) ([]Topic, error) {
	var document struct {
		Defaults Topic   `yaml:"defaults"`
		Topics   []Topic `yaml:"topics"`
	}
	if err := yaml.UnmarshalWithOptions(text, &document, yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("reading topics.yaml: %w", err)
	}
	var problems []error
	seen := map[string]bool{}
	declared := make([]Topic, 0, len(document.Topics))
	for _, topic := range document.Topics {
		topic = topic.over(document.Defaults)
		problems = append(problems, topic.validate())
		if seen[topic.Name] {
			problems = append(problems, fmt.Errorf("topic %s is declared twice", topic.Name))
		}
		seen[topic.Name] = true
		declared = append(declared, topic)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("reading topics.yaml: %w", err)
	}
	return declared, nil
}

// over returns the topic with what it does not say taken from defaults.
func (t Topic) over(defaults Topic) Topic {
	merged := defaults
	merged.Name = t.Name
	if t.Partitions != 0 {
		merged.Partitions = t.Partitions
	}
	if t.Replication != 0 {
		merged.Replication = t.Replication
	}
	merged.Config = maps.Clone(defaults.Config)
	if merged.Config == nil {
		merged.Config = map[string]string{}
	}
	maps.Copy(merged.Config, t.Config)
	return merged
}

func (t Topic) validate() error {
	switch {
	case t.Name == "":
		return errors.New("a topic has no name")
	case t.Partitions < 1:
		return fmt.Errorf("topic %s: partitions must be positive", t.Name)
	case t.Replication < 1:
		return fmt.Errorf("topic %s: replication must be positive", t.Name)
	default:
		return nil
	}
}
