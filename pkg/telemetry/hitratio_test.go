package telemetry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/telemetry"
)

// The ratio is that of the last minute, and there is none without reads; the
// counter keeps all.
func TestHitRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		ratio, err := telemetry.NewHitRatio(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"), "feed")
		require.NoError(t, err)
		shown := func() (ratios []float64, reads int64) {
			var all metricdata.ResourceMetrics
			require.NoError(t, reader.Collect(t.Context(), &all))
			for _, scope := range all.ScopeMetrics {
				for _, one := range scope.Metrics {
					switch data := one.Data.(type) {
					case metricdata.Gauge[float64]:
						assert.Equal(t, "cache_hit_ratio", one.Name)
						for _, point := range data.DataPoints {
							ratios = append(ratios, point.Value)
						}
					case metricdata.Sum[int64]:
						assert.Equal(t, "cache_reads_total", one.Name)
						for _, point := range data.DataPoints {
							reads += point.Value
						}
					}
				}
			}
			return ratios, reads
		}
		ratios, _ := shown()
		assert.Empty(t, ratios)

		for range 3 {
			ratio.Hit(t.Context())
		}
		<-time.After(30 * time.Second)
		ratio.Miss(t.Context())
		ratios, reads := shown()
		assert.Equal(t, []float64{0.75}, ratios)
		assert.EqualValues(t, 4, reads)

		<-time.After(40 * time.Second) // the hits are a minute ago
		ratios, _ = shown()
		assert.Equal(t, []float64{0}, ratios)

		<-time.After(time.Minute)
		ratios, reads = shown()
		assert.Empty(t, ratios)
		assert.EqualValues(t, 4, reads)
	})
}
