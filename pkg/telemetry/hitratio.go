package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The ratio is over the last ratioSlots × ratioSlot.
const (
	ratioSlot  = 10 * time.Second
	ratioSlots = 6
)

// HitRatio counts the reads of one cache, as cache_reads_total, and reports how
// many of those of the last minute were hits, as cache_hit_ratio. Without reads
// there is no ratio.
type HitRatio struct {
	reads     metric.Int64Counter
	hit, miss metric.MeasurementOption

	mu    sync.Mutex
	slots [ratioSlots]slot
}

// slot counts the reads of one span of time.
type slot struct {
	number    int64
	hits, all int64
}

// NewHitRatio returns the counter of the cache with that name. Its error is the
// meter's.
func NewHitRatio(meter metric.Meter, cache string) (*HitRatio, error) {
	name := attribute.String("cache", cache)
	outcome := func(value string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(name, attribute.String("outcome", value)))
	}
	r := &HitRatio{hit: outcome("hit"), miss: outcome("miss")}
	var err1, err2, err3 error
	r.reads, err1 = meter.Int64Counter("cache_reads_total", metric.WithUnit("{read}"),
		metric.WithDescription("Reads of a cache, by whether the value was there."))
	gauge, err2 := meter.Float64ObservableGauge("cache_hit_ratio", metric.WithUnit("1"),
		metric.WithDescription("Share of the reads of the last minute that found a value."))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	of := metric.WithAttributeSet(attribute.NewSet(name))
	_, err3 = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if value, known := r.value(time.Now()); known {
			o.ObserveFloat64(gauge, value, of)
		}
		return nil
	}, gauge)
	return r, err3
}

// Hit counts a read that found a value.
func (r *HitRatio) Hit(ctx context.Context) {
	r.reads.Add(ctx, 1, r.hit)
	r.count(time.Now(), 1)
}

// Miss counts a read that found none.
func (r *HitRatio) Miss(ctx context.Context) {
	r.reads.Add(ctx, 1, r.miss)
	r.count(time.Now(), 0)
}

func (r *HitRatio) count(now time.Time, hits int64) {
	number := now.UnixNano() / int64(ratioSlot)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.slots[number%ratioSlots]
	if s.number != number {
		*s = slot{number: number}
	}
	s.hits += hits
	s.all++
}

func (r *HitRatio) value(now time.Time) (ratio float64, known bool) {
	oldest := now.UnixNano()/int64(ratioSlot) - ratioSlots + 1
	r.mu.Lock()
	defer r.mu.Unlock()
	var hits, all int64
	for _, s := range r.slots {
		if s.number >= oldest {
			hits, all = hits+s.hits, all+s.all
		}
	}
	if all == 0 {
		return 0, false
	}
	return float64(hits) / float64(all), true
}
