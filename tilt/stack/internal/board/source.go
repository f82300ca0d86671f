package board

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// patience is how long a source may take.
const patience = time.Second

// Querier reads ClickHouse; a *clickhouse.Pool is one. Its connections are to
// the database that holds Nova's tables.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Sources are where the numbers come from. What is nil or empty is left out.
type Sources struct {
	Parts      func() []Part
	Traffic    func() traffic.Counters
	ClickHouse Querier
	Services   Services
	Addresses  []Address
}

// Services are the addresses (host:port) of the services' admin servers, and of
// the jobs API.
type Services struct{ CDCIngest, EventsIngest, Invalidator, Jobs, JobsAPI string }

// reading is what all sources said at one moment.
type reading struct {
	at       time.Time
	traffic  traffic.Counters
	rows     map[string]float64
	trending Trending

	cdc, events, invalidator, jobs exposition
}

// tables are those shown, in this order.
func tables() []string {
	return []string{"users", "posts", "comments", "likes", "user_relationships", "post_events"}
}

// storedRows is free of cost for the server: it reads no data.
const storedRows = `SELECT name, ifNull(total_rows, 0) AS stored FROM system.tables WHERE database = currentDatabase()`

func readRows(ctx context.Context, from Querier) map[string]float64 {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := map[string]float64{}
	err := from.Query(ctx, storedRows, nil, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var name string
			var stored uint64
			if err := rows.Scan(i, &name, &stored); err != nil {
				return err
			}
			found[name] = float64(stored)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return found
}

func readMetrics(ctx context.Context, client *http.Client, address string) (read exposition, err error) {
	err = get(ctx, client, "http://"+address+"/metrics", func(body io.Reader) (err error) {
		read, err = parseExposition(body)
		return err
	})
	return read, err
}

// get reads the body of a 200.
func get(ctx context.Context, client *http.Client, url string, read func(body io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("building request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %s", url, response.Status)
	}
	return read(response.Body)
}
