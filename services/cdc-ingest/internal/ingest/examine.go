package ingest

import (
	"context"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/dlq/redrive"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Examiner is a redrive.Examiner: it makes the rows of dead records. Whether they
// are stored does not matter: a row that comes again is the same row, of the version
// that it had.
type Examiner struct{ batches map[string]*batch } // by topic

// NewExaminer returns an Examiner of records of tables. It is used by one goroutine
// at a time.
func NewExaminer(tables []table.Table, epochs debezium.Epochs) *Examiner {
	e := &Examiner{batches: make(map[string]*batch, len(tables))}
	for _, t := range tables {
		e.batches[t.Topic()] = newBatch(t, Deps{Epochs: epochs}, nil)
	}
	return e
}

// Examine implements redrive.Examiner. Its error is a topic prefix without an epoch.
func (e *Examiner) Examine(_ context.Context, records []dlq.Record) ([]redrive.Verdict, error) {
	verdicts := make([]redrive.Verdict, len(records))
	for i := range records {
		b := e.batches[records[i].Topic]
		b.Reset()
		err := b.add(&consumer.Record{Topic: records[i].Topic, Key: records[i].Key, Value: records[i].Value})
		if err == nil || isLeftOut(err) {
			continue
		}
		if advice := adviceOn(err); advice != nil {
			return nil, advice
		}
		verdicts[i].Refused = err
	}
	return verdicts, nil
}
