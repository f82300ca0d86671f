package ingest

import (
	"context"
	"fmt"

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

// Examine implements redrive.Examiner. It has no error.
func (e *Examiner) Examine(_ context.Context, records []dlq.Record) ([]redrive.Verdict, error) {
	verdicts := make([]redrive.Verdict, len(records))
	for i := range records {
		err := redrive.Protect(func() error { return e.examine(&records[i]) })
		if !isLeftOut(err) {
			verdicts[i].Refused = err
		}
	}
	return verdicts, nil
}

func (e *Examiner) examine(r *dlq.Record) error {
	b, isMapped := e.batches[r.Topic]
	if !isMapped {
		return fmt.Errorf("no table is mapped to topic %s", r.Topic)
	}
	b.Reset()
	return b.add(&consumer.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, 0)
}
