package redrive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/producer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	group   = "nova-test"
	letters = "events-dlq"
	events  = "events"
)

// failedAt is when the first dead record failed; each fails a minute after the last.
var failedAt = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// examiner refuses values that begin with "bad", and holds those with "stored".
type examiner struct {
	calls int
	fail  error
	// isRepaired says that nothing is refused any more.
	isRepaired bool
}

func (e *examiner) Examine(_ context.Context, records []dlq.Record) ([]Verdict, error) {
	e.calls++
	verdicts := make([]Verdict, len(records))
	for i, r := range records {
		switch {
		case bytes.HasPrefix(r.Value, []byte("bad")) && !e.isRepaired:
			verdicts[i].Refused = errors.New("it is bad")
		case bytes.HasPrefix(r.Value, []byte("stored")):
			verdicts[i].IsStored = true
		}
	}
	return verdicts, e.fail
}

// fixture is a service's letters, and the command over them.
type fixture struct {
	t        *testing.T
	kafka    *kafkatest.Cluster
	examiner *examiner
	written  int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, examiner: &examiner{}, kafka: kafkatest.Start(t,
		kafkatest.Topic{Name: events, Partitions: 2}, kafkatest.Topic{Name: letters, Partitions: 2})}
	t.Setenv("KAFKA_BROKERS", strings.Join(f.kafka.Brokers, ","))
	// The dead records themselves, which the group has passed.
	for partition := range 2 {
		for range 50 {
			f.kafka.Produce(kafkatest.Record{Topic: events, Partition: partition, Value: []byte("dead")})
		}
	}
	f.kafka.Commit(group, events, map[int]int64{0: 50, 1: 50}, "")
	return f
}

// write adds the letter of a record, which becomes the last of its partition.
func (f *fixture) write(partition int, r dlq.Record, class string) {
	f.t.Helper()
	letter := dlq.NewLetter(r, dlq.Failure{
		Err: errors.New("the error of " + string(r.Value)), Class: class, Retries: 3,
		At: failedAt.Add(time.Duration(f.written) * time.Minute),
	})
	f.written++
	value, err := letter.Encode()
	require.NoError(f.t, err)
	record := kafkatest.Record{Topic: letters, Partition: partition, Key: []byte(letter.Origin()), Value: value}
	for _, h := range r.Headers { // as a dlq.Writer does
		record.Headers = append(record.Headers, kafkatest.Header(h))
	}
	f.kafka.Produce(record)
}

func dead(offset int64, value string) dlq.Record {
	return dlq.Record{Topic: events, Partition: 0, Offset: offset, Key: []byte("user"), Value: []byte(value)}
}

// run runs the command line.
func (f *fixture) run(args ...string) (stdout, stderr string, err error) {
	f.t.Helper()
	command := Command(Service{
		Group: group, Topics: []string{events},
		Letters: func() (string, error) { return letters, nil },
		Open:    func() (Examiner, func(), error) { return f.examiner, func() {}, nil },
	})
	var out, says bytes.Buffer
	err = command.Run(f.t.Context(), args, &out, &says)
	return out.String(), says.String(), err
}

// report redrives and returns the result.
func (f *fixture) redrive(args ...string) (report, error) {
	f.t.Helper()
	stdout, _, err := f.run(append([]string{"redrive", "--json", "--wait", "0s"}, args...)...)
	var r report
	if stdout != "" {
		require.NoError(f.t, json.Unmarshal([]byte(stdout), &r), stdout)
	}
	return r, err
}

// redriven are the records that came to the topic behind the dead ones.
func (f *fixture) redriven() []kafkatest.Record {
	var records []kafkatest.Record
	for _, r := range f.kafka.Records(events) {
		if r.Offset >= 50 {
			records = append(records, r)
		}
	}
	return records
}

// A redriven record is the dead one to the byte, on its topic, with its origin
// beside it; what is stored, refused, foreign, repeated or no letter stays.
func TestRedrive(t *testing.T) {
	f := newFixture(t)
	whole := dead(3, "\xff\x00 good")
	whole.Headers = []dlq.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}, {Key: "traceparent", Value: nil}}
	f.write(0, whole, "syntax")
	f.write(1, whole, "syntax") // its letter was written twice
	f.write(0, dead(4, "bad"), "syntax")
	f.write(0, dead(5, "stored"), "clickhouse_rejected")
	f.write(0, dlq.Record{Topic: "elsewhere", Value: []byte("good")}, "syntax")
	null := dead(6, "")
	null.Key, null.Value = nil, nil
	f.write(1, null, "empty")
	f.kafka.Produce(kafkatest.Record{Topic: letters, Partition: 1, Value: []byte("no letter")})

	for _, args := range [][]string{{"--dry-run"}, nil} {
		got, err := f.redrive(args...)
		require.ErrorIs(t, err, errRefused)
		assert.Equal(t, report{
			DryRun: args != nil, Letters: 7, Matched: 6, Redriven: 2, Stored: 1, Repeated: 1,
			Refused: map[string]*refusals{
				"syntax":        {Count: 1, Examples: []string{"events/0/4: it is bad"}},
				"foreign_topic": {Count: 1, Examples: []string{"events-dlq/0/3: the record elsewhere/0/0 is none of this service's"}},
				"no_letter":     {Count: 1, Examples: got.Refused["no_letter"].Examples},
			},
		}, got)
		assert.Contains(t, got.Refused["no_letter"].Examples[0], "events-dlq/1/2: decoding a letter")
		if args != nil {
			assert.Empty(t, f.redriven())
		}
	}
	records := f.redriven()
	require.Len(t, records, 2)
	for _, r := range records {
		if r.Value == nil {
			assert.Nil(t, r.Key)
			assert.Equal(t, []kafkatest.Header{{Key: dlq.HeaderOrigin, Value: []byte("events/0/6")}}, r.Headers)
			continue
		}
		assert.Equal(t, whole.Value, r.Value)
		assert.Equal(t, whole.Key, r.Key)
		require.Len(t, r.Headers, 3)
		assert.Equal(t, kafkatest.Header{Key: "traceparent", Value: []byte("00-1")}, r.Headers[0])
		assert.Nil(t, r.Headers[1].Value)
		assert.Equal(t, kafkatest.Header{Key: dlq.HeaderOrigin, Value: []byte("events/0/3")}, r.Headers[2])
	}
}

// A record that died, was redriven and died again names both places.
func TestOriginsAdd(t *testing.T) {
	f := newFixture(t)
	again := dead(49, "good")
	again.Headers = []dlq.RecordHeader{{Key: dlq.HeaderOrigin, Value: []byte("events/1/2")}, {Key: "k", Value: []byte("v")}}
	f.write(0, again, "syntax")
	_, err := f.redrive()
	require.NoError(t, err)
	require.Len(t, f.redriven(), 1)
	assert.Equal(t, []kafkatest.Header{
		{Key: "k", Value: []byte("v")}, {Key: dlq.HeaderOrigin, Value: []byte("events/1/2,events/0/49")},
	}, f.redriven()[0].Headers)
}

// Only letters that every flag means are redriven.
func TestFilters(t *testing.T) {
	f := newFixture(t)
	for i := range 4 {
		f.write(i%2, dead(int64(i), fmt.Sprint("good ", i)), []string{"syntax", "invalid"}[i/2])
	}
	other := dead(9, "good other")
	other.Key = []byte("somebody")
	f.write(0, other, "syntax")
	for _, c := range []struct {
		args []string
		want int
	}{
		{nil, 5},
		{[]string{"--class", "invalid"}, 2},
		{[]string{"--error", "good 3"}, 1},
		{[]string{"--key", "somebody"}, 1},
		{[]string{"--topic", events}, 5},
		{[]string{"--topic", "cdc.posts"}, 0},
		{[]string{"--since", "2026-11-27T12:01:00Z"}, 4},
		{[]string{"--until", "2026-11-27T12:01:00Z"}, 1},
		{[]string{"--until", "2026-11-27T12:04:00Z", "--class", "syntax"}, 2},
		{[]string{"--limit", "3"}, 3},
	} {
		got, err := f.redrive(append(c.args, "--dry-run")...)
		require.NoError(t, err)
		assert.Equal(t, c.want, got.Redriven, c.args)
	}
}

// With a state file each letter is redriven by one of the runs, also when a run
// fails in the middle; a file that is of something else is refused.
func TestState(t *testing.T) {
	f := newFixture(t)
	file := filepath.Join(t.TempDir(), "state.json")
	for i := range 30 {
		f.write(i%2, dead(int64(i), fmt.Sprint("good ", i)), "syntax")
	}
	got, err := f.redrive("--state", file, "--limit", "7")
	require.NoError(t, err)
	assert.Equal(t, 7, got.Redriven)

	f.examiner.fail = errors.New("ClickHouse is away")
	_, err = f.redrive("--state", file)
	require.ErrorIs(t, err, f.examiner.fail)
	f.examiner.fail = nil

	got, err = f.redrive("--state", file)
	require.NoError(t, err)
	assert.Equal(t, 23, got.Redriven)
	f.write(0, dead(30, "good 30"), "syntax")
	got, err = f.redrive("--state", file)
	require.NoError(t, err)
	assert.Equal(t, 1, got.Redriven)
	values := map[string]int{}
	for _, r := range f.redriven() {
		values[string(r.Value)]++
	}
	assert.Len(t, values, 31)
	assert.Len(t, f.redriven(), 31)

	_, err = f.redrive("--state", file, "--class", "syntax")
	require.ErrorContains(t, err, "is of other letters")
	require.NoError(t, os.WriteFile(file, []byte(`{"letters":"events-dlq","filter":{},"next":{"0":1000}}`), 0o600))
	_, err = f.redrive("--state", file)
	require.ErrorContains(t, err, "the topic was made anew")
	require.NoError(t, os.WriteFile(file, []byte(`{"letters":"cdc-dlq"}`), 0o600))
	_, err = f.redrive("--state", file)
	require.ErrorContains(t, err, "is of cdc-dlq")
	require.NoError(t, os.WriteFile(file, []byte(`{`), 0o600))
	_, err = f.redrive("--state", file)
	require.ErrorContains(t, err, "reading the state in")
}

// A dead record that the group has not passed may still be stored by itself: its
// letter is not redriven before.
func TestNotPassed(t *testing.T) {
	f := newFixture(t)
	f.kafka.Produce(kafkatest.Record{Topic: events, Partition: 1, Value: []byte("dead")})
	late := dead(50, "good")
	late.Partition = 1
	f.write(0, dead(1, "good"), "syntax") // the older ones are passed
	f.write(0, late, "syntax")
	other := dead(2, "good")
	other.Partition = 1
	f.write(0, other, "syntax")
	_, err := f.redrive()
	require.ErrorContains(t, err, "group nova-test has not passed the dead record events/1/50")
	assert.Zero(t, f.examiner.calls)

	f.kafka.Commit(group, events, map[int]int64{1: 51}, "")
	got, err := f.redrive()
	require.NoError(t, err)
	assert.Equal(t, 3, got.Redriven)

	gone := dead(1000, "good") // of a topic that was deleted
	f.write(0, gone, "syntax")
	got, err = f.redrive()
	require.NoError(t, err)
	assert.Equal(t, 4, got.Redriven)
}

// A command line that makes no sense is named as such, and nothing is done.
func TestUsage(t *testing.T) {
	f := newFixture(t)
	for _, line := range []string{
		"", "resend", "list --limit -1", "list --since yesterday", "list all", "show", "show 12", "show a/b/c", "show events/-1/2",
		"show a/0/1 b/0/1", "show a/0/1 --json --raw", "redrive --rate -1", "redrive --limit -1", "redrive --wait -1s",
		"redrive --state f --until 2h", "redrive --all",
	} {
		_, _, err := f.run(strings.Fields(line)...)
		var misused *lifecycle.UsageError
		require.ErrorAs(t, err, &misused, line)
	}
}

// copyOf is the record of a redriven copy, dead at an offset.
func copyOf(origin string, offset int64, value string) dlq.Record {
	r := dead(offset, value)
	r.Headers = []dlq.RecordHeader{{Key: dlq.HeaderOrigin, Value: []byte(origin)}}
	return r
}

// Of a record whose copies died too only the newest letter is redriven: letters do
// not multiply while what is wrong lasts.
func TestOnlyTheNewestCopy(t *testing.T) {
	f := newFixture(t)
	f.write(0, dead(1, "good"), "clickhouse_rejected")
	f.write(1, copyOf("events/0/1", 2, "good"), "clickhouse_rejected")
	f.write(0, copyOf("events/0/1,events/0/2", 3, "good"), "clickhouse_rejected")
	got, err := f.redrive()
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, []int{got.Redriven, got.Repeated})
	records := f.redriven()
	require.Len(t, records, 1)
	assert.Equal(t, []kafkatest.Header{{Key: dlq.HeaderOrigin, Value: []byte("events/0/1,events/0/2,events/0/3")}}, records[0].Headers)
}

// What was refused is tried again by the next run with the same file, until it is
// not refused any more; a dry run leaves the file alone.
func TestStateKeepsRefusals(t *testing.T) {
	f := newFixture(t)
	file := filepath.Join(t.TempDir(), "state.json")
	f.write(0, dead(1, "bad"), "syntax")
	f.write(0, dead(2, "good"), "syntax")
	f.write(1, dead(3, "bad too"), "syntax")
	_, err := f.redrive("--state", file, "--dry-run")
	require.ErrorIs(t, err, errRefused)
	assert.NoFileExists(t, file)

	for range 2 {
		_, err = f.redrive("--state", file)
		require.ErrorIs(t, err, errRefused)
	}
	assert.Len(t, f.redriven(), 1)
	f.examiner.isRepaired = true
	got, err := f.redrive("--state", file)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 2}, []int{got.Letters, got.Redriven})
	got, err = f.redrive("--state", file)
	require.NoError(t, err)
	assert.Zero(t, got.Letters)

	_, err = f.redrive("--state", filepath.Join(t.TempDir(), "missing", "state.json"))
	require.ErrorContains(t, err, "writing the state")
	assert.Len(t, f.redriven(), 3)
}

// Letters that are gone since the last time are told of, and the rest is redriven.
func TestStateBehindRetention(t *testing.T) {
	s := &state{kept: stateFile{Next: map[int]int64{0: 3, 1: 8}, Refused: map[int][]int64{0: {1, 7}}}}
	spans := []consumer.Span{{Partition: 0, From: 5, To: 9}, {Partition: 1, From: 5, To: 9}}
	var says bytes.Buffer
	assert.Equal(t, []consumer.Span{{Partition: 0, From: 7, To: 8}}, s.again(spans))
	require.NoError(t, s.cut(spans, printer{stderr: &says}))
	assert.Equal(t, []int64{5, 8}, []int64{spans[0].From, spans[1].From})
	assert.Contains(t, says.String(), "2 letters since the last time are gone")
}

// A limit counts what is redriven, and what is not costs no more for it.
func TestLimit(t *testing.T) {
	f := newFixture(t)
	for i := range 40 {
		f.write(0, dead(int64(i), "stored"), "syntax")
	}
	for i := range 5 {
		f.write(0, dead(int64(40+i), "good"), "syntax")
	}
	file := filepath.Join(t.TempDir(), "state.json")
	got, err := f.redrive("--limit", "2", "--state", file)
	require.NoError(t, err)
	assert.Equal(t, []int{40, 2}, []int{got.Stored, got.Redriven})
	assert.Equal(t, 1, f.examiner.calls)
	got, err = f.redrive("--state", file)
	require.NoError(t, err)
	assert.Equal(t, []int{3, 0, 3}, []int{got.Letters, got.Stored, got.Redriven})
	assert.Len(t, f.redriven(), 5)
}

// A record that its origin makes too large for the topic stays a letter, and the
// others are redriven.
func TestTooLarge(t *testing.T) {
	r := &run{session: &session{}, publisher: tooLarge{}}
	records := []producer.Record{resurrected(dlq.Letter{Topic: events, Offset: 1}, dead(1, "")), resurrected(dlq.Letter{Topic: events, Offset: 2}, dead(2, ""))}
	published, err := r.send(t.Context(), records)
	require.NoError(t, err)
	assert.Equal(t, 1, published)
	assert.Contains(t, r.report.Refused["too_large"].Examples[0], "events/0/2: record is too large")
}

// tooLarge refuses the second record.
type tooLarge struct{}

func (tooLarge) Publish(context.Context, ...producer.Record) error {
	return &producer.PublishError{Failures: []producer.Failure{{Index: 1, Topic: events, Err: producer.ErrTooLarge}}, Total: 2}
}

// Whatever a decoder does with a record, it is a verdict on that record.
func TestProtect(t *testing.T) {
	require.ErrorContains(t, Protect(func() error { panic("index out of range") }), "panic while decoding: index out of range")
	require.NoError(t, Protect(func() error { return nil }))
}
