package chserver_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// How long the server takes to be ready, its process included.
func BenchmarkStart(b *testing.B) {
	server := chtest.Start(b)
	for b.Loop() {
		server.Restart()
	}
}

func BenchmarkSelectOne(b *testing.B) {
	client := dial(b, chtest.Start(b))
	var v proto.ColUInt8
	for b.Loop() {
		require.NoError(b, client.Do(b.Context(), ch.Query{Body: "SELECT 1 AS v", Result: proto.Results{{Name: "v", Data: &v}}}))
	}
}

// A block with a token into a table with de-duplication, 4 columns of about 60
// bytes a row.
func BenchmarkInsert(b *testing.B) {
	for _, rows := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			client := dial(b, chtest.Start(b), func(o *ch.Options) { o.Compression = ch.CompressionLZ4 })
			execute(b, client, `CREATE TABLE t (id UInt64, kind LowCardinality(String), body String, at DateTime64(3))
				ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000`)
			kinds, bodies, times := proto.NewLowCardinality(new(proto.ColStr)), new(proto.ColStr), new(proto.ColDateTime64).WithPrecision(3)
			for i := range rows {
				kinds.Append([]string{"view", "like", "share"}[i%3])
				bodies.Append(fmt.Sprintf("body number %032d", i))
				times.AppendRaw(proto.DateTime64(1_700_000_000_000 + i))
			}
			input := proto.Input{{Name: "id", Data: ids(0, rows)}, {Name: "kind", Data: kinds}, {Name: "body", Data: bodies}, {Name: "at", Data: times}}
			n := 0
			for b.Loop() {
				n++
				require.NoError(b, client.Do(b.Context(), ch.Query{Body: input.Into("t"), Input: input, Settings: tokenSettings(strconv.Itoa(n))}))
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
