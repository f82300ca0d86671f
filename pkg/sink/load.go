package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/failpoint"
)

// load is a consumer.Load.
type load struct {
	sink    *Sink
	topic   *topic
	records []consumer.Record
	batch   Batch
	// filled is what batch was filled with last.
	filled  portion
	started time.Time
	// isIncomplete says that the batch is to be filled again before it is stored, and
	// isOrdered that all batches before it are stored.
	isIncomplete, isOrdered bool

	// refused are the records to bury, of which the first buried are.
	refused []refusedRecord
	buried  int
	// before is what the guard had been told of the records before this load, nil
	// until it is told of this load; told is how many of refused it knows.
	before spans
	told   int

	// block is what is stored: the batch's, or of it the rows given.
	block *block.Block
	rows  []int
	// plan names the block from the first Store on, storing is nil until the first
	// attempt at block.
	plan    *consumer.Plan
	storing Storing
	// isInserted says that the block is stored, and stored is when all was done.
	isInserted bool
	stored     time.Time
}

// refusedRecord is a record that becomes a letter.
type refusedRecord struct {
	Rejection
	place int
	at    time.Time
}

// refuse adds records to those to bury, in their order, if they are not among them.
func (l *load) refuse(refused refusals) {
	now := time.Now()
	known := map[int]bool{}
	for _, r := range l.refused {
		known[r.place] = true
	}
	for _, place := range slices.Sorted(maps.Keys(refused)) {
		if known[place] {
			continue
		}
		l.refused = append(l.refused, refusedRecord{Rejection: refused[place], place: place, at: now})
	}
}

// Rejects implements consumer.Load.
func (l *load) Rejects() int { return len(l.refused) - l.buried }

// Store implements consumer.Load. It refuses to leave out a record whose letter is
// not acknowledged.
func (l *load) Store(ctx context.Context, plan consumer.Plan) error {
	if l.Rejects() > 0 && !l.sink.deps.Failpoints.IsOff(failpoint.LettersFirst) {
		return fmt.Errorf("storing a batch of %s without letters for %d records: %w", l.topic.name, l.Rejects(), consumer.ErrRejected)
	}
	if l.plan == nil {
		l.plan = &plan
	}
	if l.plan.Text != plan.Text {
		return fmt.Errorf("storing under the plan %q what was planned as %q", plan.Text, l.plan.Text)
	}
	if !l.stored.IsZero() {
		return nil
	}
	if err := l.complete(ctx); err != nil {
		if !errors.Is(err, consumer.ErrRejected) {
			l.sink.metrics.failed(ctx, l.topic.name, "complete")
		}
		return err
	}
	if !l.isInserted && l.block.Rows() > 0 {
		if err := l.try(ctx); err != nil {
			l.sink.metrics.failed(ctx, l.topic.name, "insert")
			return err
		}
	}
	l.isInserted = true
	if f, isFinisher := l.batch.(Finisher); isFinisher {
		if err := f.Finish(ctx, l.isRefused()); err != nil {
			l.sink.metrics.failed(ctx, l.topic.name, "finish")
			return fmt.Errorf("finishing a batch of %s: %w", l.topic.name, err)
		}
	}
	l.stored = time.Now()
	return nil
}

// try is one attempt at storing the block.
func (l *load) try(ctx context.Context) error {
	insert := l.insert()
	if l.storing == nil {
		l.storing = l.sink.deps.Writer.Begin(insert)
	}
	err := l.storing.Try(ctx)
	switch {
	case err == nil:
		l.sink.deps.Failpoints.Hit(failpoint.AfterInsert)
		return nil
	case clickhouse.ClassOf(err) == clickhouse.Data:
		return l.pin(ctx, insert, err)
	default:
		return fmt.Errorf("storing %d rows of %s: %w", l.block.Rows(), l.topic.name, err)
	}
}

func (l *load) insert() Insert {
	insert := Insert{Table: l.batch.Table(), Block: l.block}
	if l.plan.Text != "" {
		insert.Token = l.plan.Text + "|" + insert.Table
		insert.PlannedAt = l.plan.At
		insert.Key = l.sink.deps.Key(insert.Table)
	}
	return insert
}

// pin finds the records behind an insert that failed for its data, and takes them
// out of the block. The token stays: what an earlier attempt may have stored of
// the block is known by it.
func (l *load) pin(ctx context.Context, insert Insert, cause error) error {
	found, err := l.sink.deps.Writer.Refused(ctx, insert)
	if err != nil {
		return fmt.Errorf("looking for the rows that %s refuses, after %v: %w", insert.Table, cause, err) //nolint:errorlint // the class of the cause is not that of this error
	}
	if len(found) == 0 {
		return fmt.Errorf("%s takes each of %d rows alone, so it is not the data: a view of it may fail: %w", insert.Table, insert.Block.Rows(), cause)
	}
	refused := refusals{}
	for _, refusal := range found {
		record := l.recordOf(refusal.Row)
		if !refused.has(record) {
			refused[record] = Rejection{Class: ClassClickHouse, Err: refusal.Err}
		}
	}
	l.refuse(refused)
	l.leaveOut(refused)
	l.storing = nil
	return fmt.Errorf("%s refuses rows of %d records: %w", insert.Table, len(refused), consumer.ErrRejected)
}

// recordOf returns the record of a row of the block.
func (l *load) recordOf(row int) int {
	if l.rows != nil {
		row = l.rows[row]
	}
	return l.filled.place(l.batch.RecordOf(row))
}

// isRefused tells of records of the batch, as it was filled last, whether they are
// to become letters.
func (l *load) isRefused() func(i int) bool {
	places := make(map[int]bool, len(l.refused))
	for _, r := range l.refused {
		places[r.place] = true
	}
	return func(i int) bool { return places[l.filled.place(i)] }
}

// leaveOut takes all rows of the refused records out of the block.
func (l *load) leaveOut(refused refusals) {
	var rows []int
	for row := range l.block.Rows() {
		if refused.has(l.recordOf(row)) {
			continue
		}
		if l.rows != nil {
			rows = append(rows, l.rows[row])
		} else {
			rows = append(rows, row)
		}
	}
	l.rows = rows
	l.block = l.batch.Block().Select(rows)
}

// Done implements consumer.Load. A batch that is forgotten comes again, here or
// elsewhere, and is counted then.
func (l *load) Done(isCommitted bool) {
	if l.batch == nil {
		return
	}
	if isCommitted {
		l.count()
		l.batch.Stored(context.Background())
		l.sink.metrics.handled(context.Background(), l)
	}
	l.topic.give(l.batch)
	l.batch, l.block, l.records, l.refused, l.storing = nil, nil, nil, nil, nil
	l.filled = portion{}
}

// reasons counts the classes of refused records, the most frequent first.
func reasons(refused []refusedRecord) []reason {
	counts := map[string]int{}
	for _, r := range refused {
		counts[r.Class]++
	}
	list := make([]reason, 0, len(counts))
	for class, count := range counts {
		list = append(list, reason{Class: class, Count: count})
	}
	slices.SortFunc(list, func(a, b reason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class))
	})
	return list
}

// reason is how many records were refused for one class of errors.
type reason struct {
	Class string `json:"class"`
	Count int    `json:"count"`
}
