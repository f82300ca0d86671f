package dedup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

// BenchmarkClaim is the cost of one new event, in batches of 10 000.
func BenchmarkClaim(b *testing.B) {
	server := redistest.Start(b)
	claimer, err := dedup.Open(
		redis.Config{Addr: []string{server.Addr}}, dedup.Config{TTL: time.Minute, Timeout: time.Minute},
		dedup.Deps{Meter: noop.Meter{}},
	)
	require.NoError(b, err)
	defer claimer.Close()
	claims := make([]dedup.Claim, 10_000)
	offset := int64(0)
	b.ReportAllocs()
	for done := 0; done < b.N; done += len(claims) {
		for i := range claims {
			offset++
			claims[i] = record(1, offset)
			claims[i].TimeMS = offset
		}
		_, err := claimer.Claim(b.Context(), claims)
		require.NoError(b, err)
	}
}
