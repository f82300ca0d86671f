package scheduler

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	duration    metric.Float64Histogram
	runs        metric.Int64Counter
	undecodable metric.Int64Counter
}

func newMetrics(meter metric.Meter, count func() map[State]int64) (*metrics, error) {
	var m metrics
	var problems [6]error
	m.duration, problems[0] = meter.Float64Histogram("job_refresh_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time of a run that was not skipped, from its claim to its result in Redis."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60))
	m.runs, problems[1] = meter.Int64Counter("job_refresh_total", metric.WithUnit("{run}"),
		metric.WithDescription("Runs of jobs: ok, error, or skipped because another replica has claimed the tick."))
	m.undecodable, problems[2] = meter.Int64Counter("job_definitions_undecodable_total", metric.WithUnit("{record}"),
		metric.WithDescription("Records of cdc.job_definitions that are no definitions, and were passed."))
	byState, err := meter.Int64ObservableGauge("job_definitions", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs of this replica by state."))
	problems[3] = err
	refused, err := meter.Int64ObservableGauge("job_definitions_refused", metric.WithUnit("{job}"),
		metric.WithDescription("Definitions of this replica that make no sense; GET /v1/jobs says why."))
	problems[4] = err
	attributes := map[State]metric.ObserveOption{}
	for _, state := range states() {
		attributes[state] = metric.WithAttributeSet(attribute.NewSet(attribute.String("state", string(state))))
	}
	_, problems[5] = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts := count()
		for state, of := range attributes {
			o.ObserveInt64(byState, counts[state], of)
		}
		o.ObserveInt64(refused, counts[Refused])
		return nil
	}, byState, refused)
	return &m, errors.Join(problems[:]...)
}

// states counts the jobs by state.
func (s *Scheduler) states() map[State]int64 {
	jobs, _ := s.Jobs()
	counts := map[State]int64{}
	for _, j := range jobs {
		counts[j.State]++
	}
	return counts
}

// jobMetrics is the instruments of one job.
type jobMetrics struct {
	*metrics

	attributes map[Outcome]metric.MeasurementOption
}

func (m *metrics) of(job, kind string) *jobMetrics {
	of := &jobMetrics{metrics: m, attributes: map[Outcome]metric.MeasurementOption{}}
	for _, outcome := range []Outcome{OK, Failed, Skipped} {
		of.attributes[outcome] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("job", job), attribute.String("kind", kind), attribute.String("outcome", string(outcome))))
	}
	return of
}

func (m *jobMetrics) ran(ctx context.Context, run Run) {
	m.runs.Add(ctx, 1, m.attributes[run.Outcome])
	if run.Outcome != Skipped {
		m.duration.Record(ctx, run.Duration.Seconds(), m.attributes[run.Outcome])
	}
}
