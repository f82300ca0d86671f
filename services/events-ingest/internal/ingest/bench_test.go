package ingest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/sink"
)

// keepAll is a Claimer without duplicates.
type keepAll struct{ kept []bool }

func (k keepAll) Claim(_ context.Context, claims []dedup.Claim) ([]bool, error) {
	return k.kept[:len(claims)], nil
}

// BenchmarkFill is the cost of one record from its bytes to its row, without
// Kafka, Redis and ClickHouse.
func BenchmarkFill(b *testing.B) {
	benchmarkFill(b, func(i int) consumer.Record { return record(byte(i%255+1), int64(i)) })
}

func benchmarkFill(b *testing.B, next func(i int) consumer.Record) {
	b.Helper()
	const size = 10_000
	claimer := keepAll{}
	var records []consumer.Record
	for i := range size {
		claimer.kept, records = append(claimer.kept, true), append(records, next(i))
	}
	batch := newTestBatch(b, claimer)
	b.SetBytes(int64(len(records[0].Value)))
	b.ReportAllocs()
	for done := 0; done < b.N; done += size {
		batch.Reset()
		require.NoError(b, batch.Fill(b.Context(), records[:min(size, b.N-done)], func(int, sink.Rejection) { b.Fatal("rejected") }))
	}
}

// BenchmarkFillLarge is the cost of a JSON record of 1.6 kB, nearly all of it
// attributes.
func BenchmarkFillLarge(b *testing.B) {
	benchmarkFill(b, func(int) consumer.Record {
		text := bytes.NewBufferString(`{`)
		fmt.Fprintf(text, `"event_id":%q,"ts":1764000000000,"user_id":%q,"post_id":%q,"action":"post_view","dwell_ms":1234,"device":"ios"`,
			uuid.New(), uuid.New(), uuid.New())
		for n := range 20 {
			fmt.Fprintf(text, `,"attribute%d":%q`, n+10, strings.Repeat("x", 50))
		}
		text.WriteString("}")
		r := record(1, 0)
		r.Value, r.Headers = text.Bytes(), []consumer.Header{{Key: "content-type", Value: []byte("application/json")}}
		return r
	})
}
