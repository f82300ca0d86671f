package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

const (
	directory = "../../../pkg/debezium/testdata/records"
	// compressed is the size in bytes from which a value is stored compressed.
	compressed   = 256 << 10
	recordWithin = time.Minute
)

var (
	update = flag.Bool("update", false, "write all records anew")
	add    = flag.Bool("add", false, "write the records that are missing")
)

// Every case has its record, and every record its case, so that what the
// connector sends can be captured again whole. With -update or -add it is.
func TestCapture(t *testing.T) {
	if *update || *add {
		newSession(t).run()
	}
	var cases []string
	for _, p := range phases() {
		for _, s := range p.steps {
			for _, pick := range s.picks {
				if pick.op != tombstone {
					cases = append(cases, pick.name)
				}
			}
		}
	}
	var files []string
	paths, err := filepath.Glob(filepath.Join(directory, "*.json*"))
	require.NoError(t, err)
	for _, path := range paths {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		files = append(files, name)
	}
	slices.Sort(cases)
	slices.Sort(files)
	require.Equal(t, cases, files)
}

// session is the stack while records are captured.
type session struct {
	*testing.T

	stack *stacktest.Stack
	db    *pgx.Conn
	kafka *kafkaio.Client
	next  map[string]int64 // by topic, the offset behind the last record looked at
	keys  []string
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{T: t, stack: stacktest.New(t), next: map[string]int64{}}
	s.stack.Run(t, "up", "--services=false")
	s.stack.LoadVars(t)
	s.db = s.stack.Connect(t)
	t.Cleanup(func() { _ = s.db.Close(context.Background()) })
	s.kafka = kafkaio.New(s.stack.Brokers())
	t.Cleanup(s.kafka.Close)
	s.stack.DeleteConnector(t, stacktest.Connector)
	return s
}

func (s *session) run() {
	s.Helper()
	for _, p := range phases() {
		s.phase(p)
	}
	text := "# name\tkey\theaders, of each record\n" + strings.Join(s.keys, "\n") + "\n"
	require.NoError(s, os.WriteFile(filepath.Join(directory, "keys.tsv"), []byte(text), 0o600))
}

func (s *session) phase(p phase) {
	s.Helper()
	for _, sql := range p.before {
		s.exec(sql)
	}
	topic := "capture." + p.name
	s.stack.CreateTopics(s.T, topic)
	config := s.stack.ConnectorConfig(s.T, map[string]string{
		"slot.name": "capture_" + p.name, "slot.drop.on.stop": "true", "heartbeat.interval.ms": "1000",
		"transforms.route.replacement": topic,
	})
	config["table.include.list"] += ",public.everything,public.extremes"
	config["column.include.list"] += ",public[.](everything|extremes)[.].*"
	for name, value := range p.config {
		config[name] = value
	}
	for _, aside := range []string{messages, heartbeats, transactions} {
		s.next[aside] = s.end(aside)
	}
	s.stack.PutConnector(s.T, topic, config)
	s.stack.AwaitConnector(s.T, topic)
	s.awaitStreaming(topic)
	for _, step := range p.steps {
		s.step(topic, step)
	}
	s.stack.DeleteConnector(s.T, topic)
}

// awaitStreaming returns when the initial snapshot is over and a change of now
// has come, which is left for nobody.
func (s *session) awaitStreaming(topic string) {
	s.Helper()
	s.exec("INSERT INTO debezium_signal VALUES ('" + topic + "', 'log', '{\"message\": \"here\"}') ON CONFLICT (id) DO NOTHING")
	stacktest.Await(s.T, recordWithin, func() bool {
		records, err := s.kafka.Read(s.Context(), topic, 0, 0, s.end(topic))
		require.NoError(s, err)
		return slices.ContainsFunc(records, func(r kafkaio.Record) bool { return about(r.Value) == (pick{table: "debezium_signal", op: "c"}) })
	}, func() string { return "nothing is streamed to " + topic })
}

func (s *session) exec(sql string) {
	s.Helper()
	_, err := s.db.Exec(s.Context(), sql)
	require.NoError(s, err, sql)
}

func (s *session) end(topic string) int64 {
	s.Helper()
	ends, err := s.kafka.Ends(s.Context(), topic)
	require.NoError(s, err)
	return ends[0]
}

func (s *session) step(topic string, step step) {
	s.Helper()
	if step.aside != "" {
		topic = step.aside
	}
	if step.sql != "" {
		s.next[topic] = s.end(topic)
		s.exec(step.sql)
	}
	for _, pick := range step.picks {
		if step.sql == "" && step.aside == "" {
			s.next[topic] = 0 // of a snapshot, in whatever order of tables
		}
		s.write(pick, s.await(topic, pick))
	}
}

// await returns the next record that is what pick says.
func (s *session) await(topic string, wanted pick) (found kafkaio.Record) {
	s.Helper()
	name := wanted.name
	wanted.name = ""
	stacktest.Await(s.T, recordWithin, func() bool {
		records, err := s.kafka.Read(s.Context(), topic, 0, s.next[topic], s.end(topic))
		require.NoError(s, err)
		for _, record := range records {
			s.next[topic] = record.Offset + 1
			if about(record.Value) == wanted {
				found = record
				return true
			}
		}
		return false
	}, func() string { return name + " has not come on " + topic })
	return found
}

// about says what a record is, in the words of a pick.
func about(value []byte) pick {
	if value == nil {
		return pick{op: tombstone}
	}
	type envelope struct {
		Op     string `json:"op"`
		Status string `json:"status"`
		Source struct {
			Table string `json:"table"`
		} `json:"source"`
	}
	var record struct {
		envelope

		Payload *envelope `json:"payload"`
	}
	if err := json.Unmarshal(value, &record); err != nil {
		return pick{}
	}
	if record.Payload == nil {
		record.Payload = &record.envelope
	}
	return pick{table: record.Payload.Source.Table, op: record.Payload.Op + record.Payload.Status}
}

func (s *session) write(pick pick, record kafkaio.Record) {
	s.Helper()
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	text, err := json.Marshal(headers)
	require.NoError(s, err)
	key := "NULL"
	if record.Key != nil {
		key = string(record.Key)
	}
	s.keys = append(s.keys, pick.name+"\t"+key+"\t"+string(text))
	if record.Value == nil {
		return
	}
	file, content := filepath.Join(directory, pick.name+".json"), record.Value
	if len(content) >= compressed {
		file += ".gz"
		content = s.compress(content)
	}
	if _, err := os.Stat(file); *update || os.IsNotExist(err) {
		require.NoError(s, os.WriteFile(file, content, 0o600))
	}
}

func (s *session) compress(content []byte) []byte {
	s.Helper()
	var into bytes.Buffer
	writer, err := gzip.NewWriterLevel(&into, gzip.BestCompression)
	require.NoError(s, err)
	_, err = writer.Write(content)
	require.NoError(s, err)
	require.NoError(s, writer.Close())
	return into.Bytes()
}
