package sink_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/sink"
)

const (
	topic = "events"
	table = "post_events"
)

var plan = consumer.Plan{Text: "events|3:10-20|t=7", At: time.UnixMilli(7)}

// world is everything a Sink works with. It writes down in which order it is
// asked, fails where it is told, and fails the test when it is asked for what
// nobody should ask.
type world struct {
	t     *testing.T
	steps []string
	log   bytes.Buffer
	read  *sdkmetric.ManualReader

	failures map[string][]error // by step, the next first
	letters  []dlq.Letter
	stored   []stored
	begun    int
	batches  int
	reported int // calls of Stored
	// finishedWithout are the records that the last Finish was told to leave out.
	finishedWithout []int

	// refuses are the values that the table does not take, isViewBroken makes every
	// insert fail as a view does.
	refuses      []string
	isViewBroken bool
	// heals is how many times Fill still rejects the value "flaky".
	heals int
	fills []int // how many records each call of Fill got
}

// stored is a block that the table has taken.
type stored struct {
	token  string
	values []string
}

// open returns a sink over a new world.
func open(t *testing.T, change func(*sink.Deps)) (*sink.Sink, *world) {
	t.Helper()
	w := &world{t: t, failures: map[string][]error{}, read: sdkmetric.NewManualReader()}
	deps := sink.Deps{
		NewBatch: w.newBatch,
		Writer:   w,
		Letters:  w,
		Guard:    w.guard(),
		Key:      w.key,
		Log:      slog.New(slog.NewTextHandler(&w.log, nil)),
		Meter:    sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.read)).Meter("test"),
	}
	deps.Failpoints = failpoint.New(failpoint.Config{Enabled: true}, slog.New(slog.DiscardHandler))
	if change != nil {
		change(&deps)
	}
	s, err := sink.New(deps)
	require.NoError(t, err)
	return s, w
}

// guard is a real one, which trips as it does for an operator who sets nothing.
func (w *world) guard() *dlq.Guard {
	g, err := dlq.NewGuard(dlq.GuardConfig{Enabled: true, Ratio: 0.05, Window: 1000, MinLetters: 20}, dlq.GuardDeps{
		Log: slog.New(slog.DiscardHandler), Meter: sdkmetric.NewMeterProvider().Meter("test"), Health: w,
	})
	require.NoError(w.t, err)
	return g
}

func (*world) Degraded(_, _ string) {}
func (*world) Healthy(string)       {}

func (w *world) key(of string) []string {
	assert.Equal(w.t, table, of)
	return []string{"id"}
}

// step notes a step and returns the failure that is planned for it.
func (w *world) step(name string) error {
	w.steps = append(w.steps, name)
	planned := w.failures[name]
	if len(planned) == 0 {
		return nil
	}
	w.failures[name] = planned[1:]
	return planned[0]
}

func (w *world) Write(_ context.Context, letters []dlq.Letter) error {
	if err := w.step("letters"); err != nil {
		return err
	}
	require.NotEmpty(w.t, letters)
	w.letters = append(w.letters, letters...)
	return nil
}

// origins are where the letters came from.
func (w *world) origins() []string {
	var origins []string
	for _, l := range w.letters {
		origins = append(origins, l.Origin())
	}
	return origins
}

func (w *world) Begin(insert sink.Insert) sink.Storing {
	w.begun++
	return &storing{world: w, insert: insert}
}

func (w *world) Refused(_ context.Context, insert sink.Insert) ([]sink.Refusal, error) {
	if err := w.step("probe"); err != nil {
		return nil, err
	}
	var refusals []sink.Refusal
	for row, value := range values(w.t, insert.Block) {
		if slices.Contains(w.refuses, value) {
			refusals = append(refusals, sink.Refusal{Row: row, Err: errors.New("constraint on " + value)})
		}
	}
	return refusals, nil
}

// storing is one block on its way, which is tried until it is stored.
type storing struct {
	world  *world
	insert sink.Insert
	isDone bool
}

func (s *storing) Try(context.Context) error {
	w := s.world
	require.False(w.t, s.isDone, "a block is stored again")
	if err := w.step("insert"); err != nil {
		return err
	}
	rows := values(w.t, s.insert.Block)
	require.NotEmpty(w.t, rows)
	require.Equal(w.t, table, s.insert.Table)
	require.NoError(w.t, s.insert.Block.Check())
	if s.insert.Token == "" {
		require.Nil(w.t, s.insert.Key)
		require.True(w.t, s.insert.PlannedAt.IsZero())
	} else {
		require.Equal(w.t, []string{"id"}, s.insert.Key)
		require.Equal(w.t, plan.At, s.insert.PlannedAt)
	}
	isRefused := slices.ContainsFunc(rows, func(value string) bool { return slices.Contains(w.refuses, value) })
	if isRefused || w.isViewBroken {
		return &clickhouse.Error{Operation: "inserting", Class: clickhouse.Data, Code: 469, Name: "VIOLATED_CONSTRAINT"}
	}
	s.isDone = true
	w.stored = append(w.stored, stored{token: s.insert.Token, values: rows})
	return nil
}

// values are what a block's column "value" holds.
func values(t *testing.T, b *block.Block) []string {
	t.Helper()
	var all []string
	for _, column := range b.Native() {
		if column.Name != "value" {
			continue
		}
		text, isText := column.Data.(interface{ Row(row int) string })
		require.True(t, isText)
		for row := range b.Rows() {
			all = append(all, text.Row(row))
		}
	}
	return all
}

// records makes one record of each word, at offsets from 10 on.
func records(words string) []consumer.Record {
	var all []consumer.Record
	for i, word := range strings.Fields(words) {
		all = append(all, consumer.Record{
			Topic: topic, Partition: 3, Offset: int64(10 + i), Key: []byte("k" + strconv.Itoa(i)), Value: []byte(word),
			Headers: []consumer.Header{{Key: "h", Value: []byte{0xff}}, {Key: "none"}},
		})
	}
	return all
}

// finish does with a load what a lane does, and repeats what fails up to four times.
func finish(t *testing.T, l consumer.Load) {
	t.Helper()
	for range 5 {
		if l.Rejects() > 0 && l.Bury(t.Context()) != nil {
			continue
		}
		if l.Store(t.Context(), plan) == nil {
			l.Done(true)
			return
		}
	}
	t.Fatal("the batch is not stored")
}

// counted returns the sums of a counter, by the value of an attribute.
func (w *world) counted(name, by string) map[string]int64 {
	w.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(w.t, w.read.Collect(context.Background(), &all))
	sums := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, isSum := m.Data.(metricdata.Sum[int64]); isSum && m.Name == name {
				for _, point := range sum.DataPoints {
					value, _ := point.Attributes.Value("topic")
					assert.Equal(w.t, topic, value.AsString())
					value, _ = point.Attributes.Value(attribute.Key(by))
					sums[value.AsString()] += point.Value
				}
			}
		}
	}
	return sums
}
