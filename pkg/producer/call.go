package producer

import (
	"context"
	"errors"
	"sync"
)

// call is one Publish under way.
type call struct {
	ctx  context.Context //nolint:containedctx // the call's records outlast the functions that carry them
	done chan struct{}

	mu       sync.Mutex
	open     int
	outcomes []outcome
}

// outcome is what became of one record, so far or, when settled, for good.
type outcome struct {
	settled bool
	err     error
}

func newCall(ctx context.Context, records int) *call {
	return &call{ctx: ctx, done: make(chan struct{}), open: records, outcomes: make([]outcome, records)}
}

// settle records what became of one record.
func (c *call) settle(index int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[index] = outcome{settled: true, err: err}
	if c.open--; c.open == 0 {
		close(c.done)
	}
}

// note records why one record is not settled yet.
func (c *call) note(index int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[index].err = err
}

// wait returns the failures when all records are settled or the context ends,
// which fails those that are not.
func (c *call) wait(records []Record) []Failure {
	select {
	case <-c.done:
	case <-c.ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var failures []Failure
	for i, o := range c.outcomes {
		if !o.settled {
			o.err = errors.Join(c.ctx.Err(), o.err)
		}
		if o.err != nil {
			failures = append(failures, Failure{Index: i, Topic: records[i].Topic, Err: o.err})
		}
	}
	return failures
}

// entry is one record of a call on its way to a partition.
type entry struct {
	record *Record
	call   *call
	index  int
}

// abandoned says whether nobody waits for the entry any more.
func (e *entry) abandoned() bool { return e.call.ctx.Err() != nil }

// note tells the publisher about an error that may pass.
func (e *entry) note(err error) { e.call.note(e.index, err) }

// settle tells the publisher the outcome.
func (e *entry) settle(err error) { e.call.settle(e.index, err) }
