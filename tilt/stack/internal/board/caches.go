package board

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// The metrics of the services that keep the caches.
const (
	removalLagMetric = "cache_invalidation_lag_ms"
	removedMetric    = "cache_pages_invalidated_total"
	refreshesMetric  = "job_refresh_total"
	breakerMetric    = "breaker_state"
)

// trendingPosts is how many are shown.
const trendingPosts = 5

// maxTrending bounds what is read of the jobs API.
const maxTrending = 64 << 10

// readTrending asks the jobs API. Without an answer nothing is trending.
func readTrending(ctx context.Context, client *http.Client, address string) (read Trending) {
	url := fmt.Sprintf("http://%s/v1/trending?window=1h&limit=%d", address, trendingPosts)
	_ = get(ctx, client, url, func(body io.Reader) (err error) {
		read, err = parseTrending(io.LimitReader(body, maxTrending))
		return err
	})
	return read
}

func parseTrending(from io.Reader) (Trending, error) {
	var wire struct {
		Stale bool `json:"stale"`
		Posts []struct {
			PostID string  `json:"post_id"`
			Score  float64 `json:"score"`
		} `json:"posts"`
	}
	if err := json.NewDecoder(from).Decode(&wire); err != nil {
		return Trending{}, fmt.Errorf("reading what is trending: %w", err)
	}
	read := Trending{Stale: wire.Stale}
	for _, post := range wire.Posts[:min(len(wire.Posts), trendingPosts)] {
		read.Posts = append(read.Posts, Score{Post: post.PostID, Score: post.Score})
	}
	return read, nil
}

// showReaders adds what those who read feeds see of the cache.
func (v *View) showReaders(earlier, latest reading) {
	before, now := earlier.traffic, latest.traffic
	v.Rates = append(v.Rates, Rate{
		Name: "feed pages read", Total: float64(now.FeedReads),
		PerSecond: perSecond(earlier, latest, float64(before.FeedReads), float64(now.FeedReads)),
	})
	ratio := -1.0
	if reads := now.FeedReads - before.FeedReads; reads > 0 {
		ratio = float64(now.FeedHits-before.FeedHits) / float64(reads)
	}
	v.Caches = append(v.Caches, Fact{"feed hit ratio", percent(ratio)}, Fact{"feed reads failed", count(float64(now.FeedFailures))})
}

func (v *View) showInvalidator(earlier, latest reading) {
	v.Rates = append(v.Rates, counted("feed pages removed", earlier, latest, earlier.invalidator, latest.invalidator, series{metric: removedMetric}))
	v.Groups = append(v.Groups, group("invalidator", "", latest.invalidator))
	for _, phase := range []string{"index", "sweep"} {
		lag := freshness("page gone by "+phase, series{removalLagMetric, "phase", phase}, earlier.invalidator, latest.invalidator)
		lag.P50, lag.P99 = ofMilliseconds(lag.P50), ofMilliseconds(lag.P99)
		v.Freshness = append(v.Freshness, lag)
	}
}

func (v *View) showJobs(earlier, latest reading) {
	v.Rates = append(v.Rates, counted("job refreshes", earlier, latest, earlier.jobs, latest.jobs, series{refreshesMetric, "outcome", "ok"}))
	v.Groups = append(v.Groups, group("jobs", "", latest.jobs))
	v.Caches = append(v.Caches, Fact{"breaker of jobs", breaker(latest.jobs.most(breakerMetric))})
}

// counted is the rate of a service's counter.
func counted(name string, earlier, latest reading, before, now exposition, of series) Rate {
	total := now.total(of)
	return Rate{Name: name, Total: total, PerSecond: perSecond(earlier, latest, before.total(of), total)}
}

func ofMilliseconds(ms float64) float64 {
	if ms < 0 {
		return ms
	}
	return ms / 1000
}

// breaker is the state as pkg/breaker numbers it.
func breaker(state float64) string {
	switch state {
	case 0:
		return "closed"
	case 1:
		return "open"
	case 2:
		return "half-open"
	default:
		return unknown
	}
}
