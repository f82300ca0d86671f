package dedup_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

func benchmarkClaimer(b *testing.B) *dedup.Claimer {
	b.Helper()
	server := redistest.Start(b, redistest.WithArguments("--appendonly", "no"))
	claimer, err := dedup.Open(
		redis.Config{Addr: []string{server.Addr}}, dedup.Config{TTL: 10 * time.Second, Timeout: time.Minute},
		dedup.Deps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}},
	)
	require.NoError(b, err)
	b.Cleanup(claimer.Close)
	return claimer
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// stream makes claims of events that are all new.
type stream struct{ offset int64 }

func (s *stream) fill(claims []dedup.Claim) {
	for i := range claims {
		s.offset++
		id := uuid.UUID{}
		binary.BigEndian.PutUint64(id[8:], uint64(s.offset)*0x9E3779B97F4A7C15)
		claims[i] = dedup.Claim{
			EventID: id, TimeMS: 1764000000000 + s.offset,
			Topic: "events", Partition: int(s.offset % 12), Offset: s.offset, PayloadHash: uint64(s.offset) * 0x9E3779B97F4A7C15,
		}
	}
}

// BenchmarkClaim is the cost of one new event in batches of 10 000, by the size of
// pipelines and how many are on their way at once: cpu-ns is what this process
// uses, ns/op what passes with Redis beside it.
func BenchmarkClaim(b *testing.B) {
	for _, size := range []int{500, 1000, 2000} {
		for _, atOnce := range []int{1, 4} {
			b.Run(fmt.Sprintf("pipeline=%d/at-once=%d", size, atOnce), func(b *testing.B) {
				claimer := benchmarkClaimer(b)
				claimer.SetPipelines(size, atOnce)
				claims := make([]dedup.Claim, 10_000)
				var source stream
				source.fill(claims)
				_, err := claimer.Claim(b.Context(), claims)
				require.NoError(b, err)
				b.ReportAllocs()
				b.ResetTimer()
				started := cpu(b)
				for done := 0; done < b.N; done += len(claims) {
					source.fill(claims)
					_, err := claimer.Claim(b.Context(), claims)
					require.NoError(b, err)
				}
				b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// front is what a Claimer could know of very recent events without asking Redis:
// two generations of who holds them. Only "somebody else holds it" may be decided
// by it.
type front struct {
	size       int
	young, old map[uuid.UUID]int64
}

func newFront(size int) *front {
	return &front{size: size, young: make(map[uuid.UUID]int64, size), old: make(map[uuid.UUID]int64, size)}
}

func (f *front) isDuplicate(claim *dedup.Claim) bool {
	holder, isKnown := f.young[claim.EventID]
	if !isKnown {
		holder, isKnown = f.old[claim.EventID]
	}
	return isKnown && holder != claim.Offset
}

func (f *front) remember(claim *dedup.Claim) {
	if len(f.young) == f.size {
		f.young, f.old = f.old, f.young
		clear(f.young)
	}
	f.young[claim.EventID] = claim.Offset
}

// BenchmarkFront is what decided against a front in this process: per event, by
// the share of copies, all of them of events at most two batches ago.
func BenchmarkFront(b *testing.B) {
	for _, percent := range []int{0, 1, 20} {
		for _, size := range []int{0, 50_000} {
			b.Run(fmt.Sprintf("copies=%d%%/front=%d", percent, size), func(b *testing.B) {
				claimer := benchmarkClaimer(b)
				known := newFront(size)
				claims, before := make([]dedup.Claim, 10_000), make([]dedup.Claim, 10_000)
				asked := make([]dedup.Claim, 0, len(claims))
				var source stream
				source.fill(before)
				b.ReportAllocs()
				b.ResetTimer()
				started := cpu(b)
				for done := 0; done < b.N; done += len(claims) {
					source.fill(claims)
					for i := range claims {
						if i%100 < percent {
							claims[i].EventID, claims[i].TimeMS, claims[i].PayloadHash = before[i].EventID, before[i].TimeMS, before[i].PayloadHash
						}
					}
					asked = asked[:0]
					for i := range claims {
						if size == 0 || !known.isDuplicate(&claims[i]) {
							asked = append(asked, claims[i])
						}
					}
					kept, err := claimer.Claim(b.Context(), asked)
					require.NoError(b, err)
					for i := range asked {
						if size > 0 && kept[i] {
							known.remember(&asked[i])
						}
					}
					claims, before = before, claims
				}
				b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
