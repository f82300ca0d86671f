package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// Place is where a record is.
type Place struct {
	Topic     string
	Partition int
	Offset    int64
}

func placeOf(r kafkaio.Record) Place { return Place{r.Topic, r.Partition, r.Offset} }

// Journal is what is on the topics.
type Journal struct {
	kafka *kafkaio.Client
	truth *workload.Generator

	read    map[string][]int64 // by topic and partition, up to where
	copies  map[uuid.UUID][]Place
	poison  map[Place]kafkaio.Record
	named   map[string]bool // poison records, by name
	refused map[Place]kafkaio.Record
	letters map[Place][]dlq.Letter
}

// NewJournal returns a journal that has read nothing.
func NewJournal(kafka *kafkaio.Client, truth *workload.Generator) *Journal {
	return &Journal{
		kafka: kafka, truth: truth, read: map[string][]int64{}, copies: map[uuid.UUID][]Place{},
		poison: map[Place]kafkaio.Record{}, named: map[string]bool{}, refused: map[Place]kafkaio.Record{},
		letters: map[Place][]dlq.Letter{},
	}
}

// Update reads what the topics got since the last call.
func (j *Journal) Update(ctx context.Context, topics []string) error {
	for _, topic := range topics {
		ends, err := j.kafka.Ends(ctx, topic)
		if err != nil {
			return err
		}
		if j.read[topic] == nil {
			j.read[topic] = make([]int64, len(ends))
		}
		for partition, end := range ends {
			records, err := j.kafka.Read(ctx, topic, partition, j.read[topic][partition], end)
			if err != nil {
				return err
			}
			j.read[topic][partition] = end
			for _, record := range records {
				if err := j.enter(record); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (j *Journal) enter(r kafkaio.Record) error {
	at := placeOf(r)
	switch name := header(r, workload.PoisonHeader); {
	case isLetterTopic(r.Topic):
		letter, err := dlq.Decode(r.Value)
		if err != nil {
			return fmt.Errorf("reading the letter at %v: %w", at, err)
		}
		origin := Place{letter.Topic, letter.Partition, letter.Offset}
		j.letters[origin] = append(j.letters[origin], letter)
	case name != nil:
		j.poison[at], j.named[string(name)] = r, true
	case r.Topic == workload.Topic:
		var e event.Event
		if err := event.DecodeRecord(r.Value, header(r, event.HeaderContentType), &e); err != nil {
			return fmt.Errorf("reading the event at %v: %w", at, err)
		}
		j.copies[e.ID] = append(j.copies[e.ID], at)
		if known := j.truth.Events()[e.ID]; known != nil && known.IsForbidden {
			j.refused[at] = r
		}
	}
	return nil
}

// complete returns an error if a part of the workload is not on the topics.
func (j *Journal) complete() error {
	for id := range j.truth.Events() {
		if len(j.copies[id]) == 0 {
			return fmt.Errorf("event %s was not sent", id)
		}
	}
	if len(j.copies) != len(j.truth.Events()) {
		return errors.New("there are events that were not made")
	}
	for name := range j.truth.Poison() {
		if !j.named[name] {
			return fmt.Errorf("record %s was not sent", name)
		}
	}
	return nil
}

func header(r kafkaio.Record, name string) []byte {
	for _, h := range r.Headers {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}

func isLetterTopic(topic string) bool { return topic == "events-dlq" || topic == "cdc-dlq" }
