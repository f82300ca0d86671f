package sink_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/sink"
)

// completing is a batch whose rows of the words "hole" and "lost" take what is
// stored, which there is for a hole only.
type completing struct {
	sink.Batch

	world *world
	holes int
	// filled is how many records the last Fill or Complete got.
	filled int
}

func (c *completing) Fill(ctx context.Context, records []consumer.Record, reject func(int, sink.Rejection)) error {
	c.holes, c.filled = 0, len(records)
	var kept []consumer.Record
	for _, r := range records {
		if word := string(r.Value); word == "hole" || word == "lost" {
			c.holes++
			continue
		}
		kept = append(kept, r)
	}
	return c.Batch.Fill(ctx, kept, reject)
}

func (c *completing) IsIncomplete() bool { return c.holes > 0 }

func (c *completing) Complete(ctx context.Context, records []consumer.Record, reject func(int, sink.Rejection)) error {
	if err := c.world.step("complete"); err != nil {
		return err
	}
	c.holes, c.filled = 0, len(records)
	filled := slices.Clone(records)
	for i := range filled {
		if string(filled[i].Value) == "lost" {
			reject(i, sink.Rejection{Class: "lost", Err: errors.New("nothing is stored")})
			filled[i].Value = []byte("skip")
		}
	}
	return c.Batch.Fill(ctx, filled, reject)
}

func (c *completing) Finish(_ context.Context, isRefused func(int) bool) error {
	c.world.finishedWithout = nil
	for i := range c.filled {
		if isRefused(i) {
			c.world.finishedWithout = append(c.world.finishedWithout, i)
		}
	}
	return c.world.step("finish")
}

func openCompleting(t *testing.T) (*sink.Sink, *world) {
	t.Helper()
	var w *world
	s, w := open(t, func(d *sink.Deps) {
		inner := d.NewBatch
		d.NewBatch = func(topic string) (sink.Batch, error) {
			b, err := inner(topic)
			return &completing{Batch: b, world: w}, err
		}
	})
	return s, w
}

// What takes stored rows is filled when the batch's turn has come, and not while it
// is prepared, whatever fails meanwhile; a batch without such records is filled once.
// Effects beside the rows come after them, and do not store them again when they fail.
func TestCompletion(t *testing.T) {
	s, w := openCompleting(t)
	l := prepare(t, s, "a b")
	w.failures["finish"] = []error{errAway}
	finish(t, l)
	assert.Equal(t, []string{"fill", "insert", "finish", "finish"}, w.steps)

	w.steps = nil
	w.failures["complete"], w.failures["insert"] = []error{errAway}, []error{errAway}
	l = prepare(t, s, "a hole b")
	require.Equal(t, []string{"fill"}, w.steps)
	finish(t, l)
	assert.Equal(t, []string{"fill", "complete", "complete", "fill", "insert", "insert", "finish"}, w.steps)
	assert.Equal(t, []string{"a", "hole", "b"}, w.stored[1].values)
	assert.Empty(t, w.letters)
}

// What a batch does beside its rows leaves out the records that the table refused.
func TestFinishWithoutTheRefused(t *testing.T) {
	s, w := openCompleting(t)
	w.refuses = []string{"second", "fourth"}
	finish(t, prepare(t, s, "bad first second third fourth"))
	require.Len(t, w.stored, 1)
	assert.Equal(t, []string{"first", "third"}, w.stored[0].values)
	assert.Equal(t, []int{0, 2, 4}, w.finishedWithout)
	finish(t, prepare(t, s, "fifth"))
	assert.Empty(t, w.finishedWithout)
}

// A record that nothing completes becomes a letter after three tries, once, and so
// does one that was refused before; the others are stored.
func TestWhatCannotBeCompletedBecomesALetter(t *testing.T) {
	s, w := openCompleting(t)
	l := prepare(t, s, "a bad lost hole b")
	require.Equal(t, 1, l.Rejects())
	require.NoError(t, l.Bury(t.Context()))
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	require.Equal(t, 1, l.Rejects())
	require.Empty(t, w.stored)
	finish(t, l)
	assert.Equal(t, []string{"events/3/11", "events/3/12"}, w.origins())
	require.Len(t, w.stored, 1)
	assert.Equal(t, []string{"a", "hole", "b"}, w.stored[0].values)
}
