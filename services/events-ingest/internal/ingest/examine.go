package ingest

import (
	"context"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/dlq/redrive"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
)

// Examiner is a redrive.Examiner: it decodes dead records, and looks their events
// up in post_events. What claims would say of a copy, they say for a day only.
type Examiner struct{ latest stored.Latest }

// NewExaminer returns an Examiner.
func NewExaminer(latest stored.Latest) *Examiner { return &Examiner{latest: latest} }

// Examine implements redrive.Examiner. Its error is ClickHouse's.
func (e *Examiner) Examine(ctx context.Context, records []dlq.Record) ([]redrive.Verdict, error) {
	verdicts := make([]redrive.Verdict, len(records))
	events := make([]event.Event, 0, len(records))
	places := make([]int, 0, len(records)) // of the records of events
	for i, r := range records {
		record := consumer.Record{Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, consumer.Header(h))
		}
		var decoded event.Event
		verdicts[i].Refused = redrive.Protect(func() error {
			if refusal := decode(&record, &decoded); refusal != nil {
				return refusal.err
			}
			return nil
		})
		if verdicts[i].Refused == nil {
			events, places = append(events, decoded), append(places, i)
		}
	}
	found, err := stored.Find(ctx, e.latest, events)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		verdicts[place].IsStored = found[stored.Of(&events[i])]
	}
	return verdicts, nil
}
