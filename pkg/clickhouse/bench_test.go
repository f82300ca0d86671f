package clickhouse_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
)

// BenchmarkFill appends rows of post_events; N is rows.
func BenchmarkFill(b *testing.B) {
	const rows = 10_000
	e := newEvents()
	fill := func(n int) {
		e.block.Reset()
		for i := range n {
			e.add(i, 1)
		}
	}
	fill(rows)
	b.SetBytes(int64(e.block.Bytes() / rows))
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= rows {
		fill(min(left, rows))
	}
}

// BenchmarkInsert stores rows of post_events, without views and with them, in
// blocks of several sizes; N is rows. Time includes the embedded server's on the
// same cores, allocations are this process's alone.
func BenchmarkInsert(b *testing.B) {
	server := chtest.Start(b)
	discard := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{server.Addr}, Database: "nova", Username: "default", Compression: clickhouse.LZ4,
		DialTimeout: patience, Timeout: time.Minute, MaxConns: 2,
	}, clickhouse.Deps{Log: discard, Meter: noop.Meter{}})
	require.NoError(b, err)
	defer pool.Close()
	_, err = schema.New(schema.Config{PostEventsTTLDays: 400}, pool, discard).Apply(b.Context())
	require.NoError(b, err)
	server.Exec("CREATE TABLE nothing AS post_events ENGINE = Null")
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: maxAge}, clickhouse.WriterDeps{Pool: pool, Log: discard, Meter: noop.Meter{}})
	require.NoError(b, err)
	// No longer so young that each batch is looked for.
	writer.TrustClocks()
	<-time.After(2 * clickhouse.PrecisionOfUptime)
	batch := 0
	for _, table := range []string{"nothing", "post_events"} {
		for _, rows := range []int{1_000, 10_000, 50_000} {
			b.Run(fmt.Sprintf("%s/%d", table, rows), func(b *testing.B) {
				insert := clickhouse.Insert{Table: table, Block: likes(0, rows, 1)}
				b.SetBytes(int64(insert.Block.Bytes() / rows))
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; done += rows {
					batch++
					insert.Token = fmt.Sprint("batch ", batch)
					require.NoError(b, writer.Begin(insert, time.Now(), eventKey()).Try(b.Context()))
				}
			})
		}
	}
}
