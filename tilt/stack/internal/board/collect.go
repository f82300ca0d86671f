package board

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// window is what rates and freshness are averaged over.
const window = 10 * time.Second

// The services' metrics that are shown.
const (
	lagMetric             = "consumer_lag"
	oldestMetric          = "consumer_oldest_unprocessed_seconds"
	publishedMetric       = "producer_records_total"
	duplicatesMetric      = "event_deduplication_hits"
	commitFreshnessMetric = "cdc_lag_seconds"
	acceptFreshnessMetric = "event_freshness_seconds"
)

// collector turns readings into views.
type collector struct {
	sources Sources
	client  *http.Client
	started time.Time
	history []reading // of the last window, oldest first
}

// read asks every source.
func (c *collector) read(ctx context.Context, now time.Time) reading {
	r := reading{at: now}
	var asked sync.WaitGroup
	if c.sources.Traffic != nil {
		r.traffic = c.sources.Traffic()
	}
	if c.sources.ClickHouse != nil {
		asked.Go(func() { r.rows = readRows(ctx, c.sources.ClickHouse) })
	}
	services := c.sources.Services
	if services.JobsAPI != "" {
		asked.Go(func() { r.trending = readTrending(ctx, c.client, services.JobsAPI) })
	}
	for address, into := range map[string]*exposition{
		services.CDCIngest: &r.cdc, services.EventsIngest: &r.events, services.Invalidator: &r.invalidator, services.Jobs: &r.jobs,
	} {
		if address != "" {
			// An unreadable exposition stays empty, which shows as dashes.
			asked.Go(func() { *into, _ = readMetrics(ctx, c.client, address) })
		}
	}
	asked.Wait()
	return r
}

// view reads the sources and compares with the readings of the last window.
func (c *collector) view(ctx context.Context, now time.Time) View {
	latest := c.read(ctx, now)
	c.history = append(c.history, latest)
	for len(c.history) > 2 && now.Sub(c.history[1].at) >= window {
		c.history = c.history[1:]
	}
	earlier := c.history[0]
	v := View{Running: now.Sub(c.started), Addresses: c.sources.Addresses}
	if c.sources.Parts != nil {
		v.Parts = c.sources.Parts()
	}
	if c.sources.Traffic != nil {
		v.Rates = trafficRates(earlier, latest)
	}
	if c.sources.ClickHouse != nil {
		v.Tables = tableRows(earlier, latest)
	}
	c.showServices(&v, earlier, latest)
	return v
}

// showServices adds what the services say of themselves, and what is said of
// their work.
func (c *collector) showServices(v *View, earlier, latest reading) {
	services := c.sources.Services
	if services.CDCIngest != "" {
		v.Groups = append(v.Groups, group("cdc-ingest", "cdc-dlq", latest.cdc))
		v.Freshness = append(v.Freshness, freshness("commit to queryable", series{metric: commitFreshnessMetric}, earlier.cdc, latest.cdc))
		v.Source = sourceOf(latest.cdc)
	}
	if services.EventsIngest != "" {
		v.Rates = append(v.Rates, counted("duplicates dropped", earlier, latest, earlier.events, latest.events, series{metric: duplicatesMetric}))
		v.Groups = append(v.Groups, group("events-ingest", "events-dlq", latest.events))
		v.Freshness = append(v.Freshness, freshness("accept to queryable", series{metric: acceptFreshnessMetric}, earlier.events, latest.events))
	}
	if c.sources.Traffic != nil {
		v.showReaders(earlier, latest)
	}
	if services.Invalidator != "" {
		v.showInvalidator(earlier, latest)
	}
	if services.Jobs != "" {
		v.showJobs(earlier, latest)
	}
	if services.JobsAPI != "" {
		v.Trending = &latest.trending
	}
}

func trafficRates(earlier, latest reading) []Rate {
	rateOf := func(name string, before, now uint64) Rate {
		return Rate{Name: name, Total: float64(now), PerSecond: perSecond(earlier, latest, float64(before), float64(now))}
	}
	return []Rate{
		rateOf("PostgreSQL rows changed", earlier.traffic.Changes, latest.traffic.Changes),
		rateOf("events accepted", earlier.traffic.Events, latest.traffic.Events),
		rateOf("duplicates sent", earlier.traffic.Duplicates, latest.traffic.Duplicates),
	}
}

func tableRows(earlier, latest reading) (shown []Table) {
	for _, name := range tables() {
		before, now := rowsOf(earlier, name), rowsOf(latest, name)
		shown = append(shown, Table{Name: name, Rows: now, PerSecond: perSecond(earlier, latest, before, now)})
	}
	return shown
}

func rowsOf(r reading, table string) float64 {
	if rows, ok := r.rows[table]; ok {
		return rows
	}
	return -1
}

// group is a service's consumer group; letters is its topic of dead letters, ""
// for a service that has none.
func group(service, letters string, e exposition) Group {
	g := Group{Service: service, Lag: e.sum(lagMetric), Oldest: e.most(oldestMetric), DeadLetters: -1}
	if letters != "" {
		g.DeadLetters = e.total(series{publishedMetric, "topic", letters})
	}
	return g
}

func freshness(name string, of series, earlier, latest exposition) Freshness {
	return Freshness{Name: name, P50: latest.quantile(of, 0.5, earlier), P99: latest.quantile(of, 0.99, earlier)}
}

// perSecond is -1 while a value is unknown, or has shrunk: merges take rows
// away, and a restarted service counts from 0.
func perSecond(earlier, latest reading, before, now float64) float64 {
	span := latest.at.Sub(earlier.at).Seconds()
	if before < 0 || now < before || span <= 0 {
		return -1
	}
	return (now - before) / span
}
