package table_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// postRow and likeRow are what encoding/json fills in the comparison: the mapped
// columns in Go's types for them, but for one that can be infinite.
type postRow struct {
	ID         uuid.UUID `json:"id"`
	UserID     uuid.UUID `json:"user_id"`
	Caption    *string   `json:"caption"`
	ImageKey   string    `json:"image_key"`
	Status     string    `json:"status"`
	SoftDelete *string   `json:"soft_delete"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

type likeRow struct {
	ID        uuid.UUID `json:"id"`
	PostID    uuid.UUID `json:"post_id"`
	UserID    uuid.UUID `json:"user_id"`
	CreatedAt time.Time `json:"created_at"`
}

// change is the part of an envelope that the version and the row come from.
type change[R any] struct {
	Op     string `json:"op"`
	After  *R     `json:"after"`
	Source struct {
		Name  string `json:"name"`
		Table string `json:"table"`
		LSN   uint64 `json:"lsn"`
	} `json:"source"`
}

// BenchmarkRecord decodes a record and fills its columns, and leaves the same
// record to encoding/json, which fills structs and no columns. times_faster is
// the ratio of the two.
func BenchmarkRecord(b *testing.B) {
	benchmarkTable[postRow](b, "posts")
	benchmarkTable[likeRow](b, "likes")
}

func benchmarkTable[R any](b *testing.B, source string) {
	b.Helper()
	value := firstStreamed(b, source)
	schema := wrapper(b)
	b.Run(source+"/bare", func(b *testing.B) {
		compare(b, source, value, func() error { return json.Unmarshal(value, &change[R]{}) })
	})
	wrapped := append(append([]byte(`{"schema":`+schema+`,"payload":`), value...), '}')
	b.Run(source+"/wrapped", func(b *testing.B) {
		compare(b, source, wrapped, func() error {
			return json.Unmarshal(wrapped, &struct {
				Payload change[R] `json:"payload"`
			}{})
		})
	})
}

// firstStreamed is the first captured record of a live row that was streamed.
func firstStreamed(b *testing.B, source string) []byte {
	b.Helper()
	var e debezium.Envelope
	var last []byte
	for _, record := range cdctest.Capture(b, source) {
		if record.Value != nil && e.Decode(record.Value) == nil && (e.Op == debezium.Create || e.Op == debezium.Update) {
			last = record.Value
			if e.Op == debezium.Update {
				break
			}
		}
	}
	if last == nil {
		b.Fatal("nothing captured")
	}
	return last
}

const blockRows = 1000

func compare(b *testing.B, source string, value []byte, theirs func() error) {
	b.Helper()
	var slow float64
	b.Run("encoding_json", func(b *testing.B) {
		slow = measure(b, value, theirs)
	})
	b.Run("columns", func(b *testing.B) {
		rows := emptyRows(source)
		e := debezium.Envelope{AfterOnly: true}
		fill := func() error {
			if rows.Block().Rows() == blockRows {
				rows.Reset()
			}
			if err := e.Decode(value); err != nil {
				return err
			}
			return rows.Append(&e)
		}
		for range blockRows { // a block is filled again and again
			if err := fill(); err != nil {
				b.Fatal(err)
			}
		}
		fast := measure(b, value, fill)
		b.ReportMetric(slow/fast, "times_faster")
	})
}

func emptyRows(source string) *table.Rows {
	for _, mapped := range table.All() {
		if mapped.Source == source {
			return mapped.NewRows(epochs())
		}
	}
	return nil
}

// measure returns the nanoseconds a record.
func measure(b *testing.B, value []byte, decode func() error) float64 {
	b.Helper()
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
}

// wrapper is the schema of a captured record, as long as they come.
func wrapper(b *testing.B) string {
	b.Helper()
	var captured struct{ Schema json.RawMessage }
	if err := json.Unmarshal(readCapture(b, "wrapped_update"), &captured); err != nil {
		b.Fatal(err)
	}
	return string(captured.Schema)
}
