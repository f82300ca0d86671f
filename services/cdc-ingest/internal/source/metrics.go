package source

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the instruments of the package, over what was read last.
type metrics struct {
	mu sync.Mutex
	// lastSlot and lastConnector are nil while they are not known.
	lastSlot      *slotReading
	lastConnector *connectorReading
	// heartbeatAge is negative while it is not known.
	heartbeatAge time.Duration
	isUnhealthy  map[string]bool

	unhealthy   metric.Int64ObservableGauge
	lagBytes    metric.Int64ObservableGauge
	lagSeconds  metric.Float64ObservableGauge
	retained    metric.Int64ObservableGauge
	safe        metric.Int64ObservableGauge
	active      metric.Int64ObservableGauge
	running     metric.Int64ObservableGauge
	tasksFailed metric.Int64ObservableGauge
	age         metric.Float64ObservableGauge
}

type slotReading struct {
	isThere bool
	state   slotState
	behind  time.Duration
}

type connectorReading struct {
	name        string
	isRunning   bool
	tasksFailed int64
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var problems []error
	whole := func(name, unit, description string) metric.Int64ObservableGauge {
		made, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		return made
	}
	seconds := func(name, description string) metric.Float64ObservableGauge {
		made, err := meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(description))
		problems = append(problems, err)
		return made
	}
	m := &metrics{
		heartbeatAge: -1, isUnhealthy: map[string]bool{},

		unhealthy:   whole("cdc_source_unhealthy", "1", "1 while a part of the source (slot, connector, heartbeat) is not as it should be, or cannot be asked."),
		lagBytes:    whole("cdc_source_slot_lag_bytes", "By", "WAL that the connector has not confirmed."),
		lagSeconds:  seconds("cdc_source_slot_lag_seconds", "Age of the oldest WAL that the connector has not confirmed, as long as it is watched."),
		retained:    whole("cdc_source_slot_retained_bytes", "By", "WAL that PostgreSQL keeps for the connector's slot; it fills the disk."),
		safe:        whole("cdc_source_slot_safe_bytes", "By", "WAL that may be written before the slot is lost; absent without max_slot_wal_keep_size."),
		active:      whole("cdc_source_slot_active", "1", "1 while a connector reads the slot; 0 too if there is none."),
		running:     whole("cdc_source_connector_running", "1", "1 while the connector and all of its tasks run."),
		tasksFailed: whole("cdc_source_tasks_failed", "{task}", "Tasks of the connector that have failed and wait for a restart."),
		age:         seconds("cdc_source_heartbeat_age_seconds", "Age of the connector's newest heartbeat."),
	}
	_, err := meter.RegisterCallback(m.observe, m.unhealthy, m.lagBytes, m.lagSeconds, m.retained, m.safe, m.active, m.running, m.tasksFailed, m.age)
	return m, errors.Join(append(problems, err)...)
}

func (m *metrics) observe(_ context.Context, o metric.Observer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for part, isUnhealthy := range m.isUnhealthy {
		o.ObserveInt64(m.unhealthy, one(isUnhealthy), metric.WithAttributes(attribute.String("part", part)))
	}
	if m.heartbeatAge >= 0 {
		o.ObserveFloat64(m.age, m.heartbeatAge.Seconds())
	}
	if c := m.lastConnector; c != nil {
		o.ObserveInt64(m.running, one(c.isRunning), metric.WithAttributes(attribute.String("connector", c.name)))
		o.ObserveInt64(m.tasksFailed, c.tasksFailed, metric.WithAttributes(attribute.String("connector", c.name)))
	}
	s := m.lastSlot
	if s == nil {
		return nil
	}
	o.ObserveInt64(m.active, one(s.state.isActive))
	if !s.isThere {
		return nil
	}
	o.ObserveInt64(m.lagBytes, s.state.lag())
	o.ObserveFloat64(m.lagSeconds, s.behind.Seconds())
	o.ObserveInt64(m.retained, s.state.retained())
	if s.state.safe != nil {
		o.ObserveInt64(m.safe, *s.state.safe)
	}
	return nil
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func (m *metrics) judged(part string, isUnhealthy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.isUnhealthy[part] = isUnhealthy
}

func (m *metrics) slot(read *slotReading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastSlot = read
}

func (m *metrics) connector(read *connectorReading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastConnector = read
}

func (m *metrics) heartbeat(age time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heartbeatAge = age
}
