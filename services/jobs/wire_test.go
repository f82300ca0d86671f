package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/servicetest"
)

const (
	first  = "33333333-0000-4000-8000-000000000001"
	second = "33333333-0000-4000-8000-000000000002"
)

// Definitions that arrive as rows fill their keys, in the shape that others read
// from Redis; one more does so without a restart; and readers get the same.
func TestDefinitionsFillTheirKeys(t *testing.T) {
	e := migrated(t)
	e.like(first, 3, 0)
	e.like(second, 1, 0)
	e.like(second, 5, 3*time.Hour)
	e.define(shipped()...)
	p := e.service()
	servicetest.Await(t, "three lists", func() bool { return e.value("1h") != "" && e.value("24h") != "" && e.value("7d") != "" })
	assert.Regexp(t, `^\[\{"post_id":"`+first+`","score":6,"cached_at":\d{10}\},\{"post_id":"`+second+`","score":2,"cached_at":\d{10}\}\]$`, e.value("1h"))
	assert.Regexp(t, `^\[\{"post_id":"`+second+`","score":12,"cached_at":\d{10}\},\{"post_id":"`+first+`","score":6,`, e.value("24h"))
	assert.Regexp(t, `^\{"cached_at":\d{13},"fresh_until":\d{13},"from":\d{10},"to":\d{10}\}$`, e.value("1h:meta"))
	for _, key := range []string{"1h", "1h:meta"} {
		ttl, err := strconv.Atoi(e.redis.Do("TTL", "nova:cache:trending:"+key))
		require.NoError(t, err)
		assert.InDelta(t, 24*3600, ttl, 60)
	}

	got := p.trending("?window=24h&limit=1")
	assert.Equal(t, "24h", got.Window)
	require.Len(t, got.Posts, 1)
	assert.Equal(t, second, got.Posts[0].PostID)
	assert.InDelta(t, 12, got.Posts[0].Score, 0)
	assert.False(t, got.Stale)
	assert.Equal(t, 24*time.Hour, got.To.Sub(got.From))

	defined := time.Now()
	e.define(row{name: "trending-6h", schedule: "@every 60s", params: `{"window":"6h"}`})
	servicetest.Await(t, "the fourth list", func() bool { return e.value("6h") != "" })
	assert.Less(t, time.Since(defined), 10*time.Second)
	assert.Len(t, p.trending("?window=6h").Posts, 2)
	e.awaitCommits()

	servicetest.Await(t, "its run shows", func() bool {
		return strings.Contains(p.metrics(), `job_refresh_total{job="trending-6h",kind="trending",outcome="ok"} 1`)
	})
	metrics := p.metrics()
	assert.Contains(t, metrics, `job_refresh_duration_seconds_count{job="trending-6h",kind="trending",outcome="ok"} 1`)
	assert.Contains(t, metrics, "\njob_definitions_refused 0\n")
	assert.Contains(t, metrics, `cache_hit_ratio{cache="trending"} 1`)
	assert.Contains(t, metrics, `jobs_request_duration_seconds_count{route="trending",status="200"} 2`)
	p.Stop()
}

// A like is on the list of the last hour with the next run, since the running
// minute counts.
func TestLikeIsListedSoon(t *testing.T) {
	e := migrated(t)
	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`})
	e.service()
	servicetest.Await(t, "the empty list", func() bool { return e.value("1h") == "[]" })
	e.like(first, 1, 0)
	servicetest.Await(t, "the like", func() bool { return strings.Contains(e.value("1h"), first) })
}

// Rows rule the running service: disabling stops a job, a change is in force at
// once, a deleted one is gone, and what makes no sense is refused with its
// reason while the others go on.
func TestDefinitionsChangeTheService(t *testing.T) {
	e := migrated(t)
	p := e.service()
	e.define(append(shipped(), row{name: "broken", schedule: "@every soon", params: `{"window":"1y","color":1}`})...)
	e.kafka.Produce(e.record("trending-1h", "no JSON"))
	servicetest.Await(t, "the jobs", func() bool { return p.state("trending-7d") == "scheduled" && p.state("broken") == "refused" })
	jobs, _ := p.jobs()
	assert.Equal(t, "schedule: the duration of @every must be whole seconds from 1s to 24h0m0s, such as 60s or 1h30m; "+
		"params.color: is unknown; there are window, top_k and decay; "+
		"params.window: must be a whole number and m, h or d, from 1m to 31d, such as 90m, 24h or 7d", jobs["broken"].Reason)
	assert.JSONEq(t, `{"window":"1y","color":1}`, string(jobs["broken"].Params))
	assert.Contains(t, p.metrics(), "\njob_definitions_refused 1\n")
	assert.Contains(t, p.metrics(), "\njob_definitions_undecodable_total 1\n")

	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`, disabled: true, version: 1})
	servicetest.Await(t, "it is disabled", func() bool { return p.state("trending-1h") == "disabled" })
	claimed := len(e.claims("trending-1h"))
	e.define(row{name: "broken", schedule: "@every 1s", params: `{"window":"90m"}`, version: 1})
	servicetest.Await(t, "two ticks of another", func() bool { return len(e.claims("broken")) > 2 })
	assert.Len(t, e.claims("trending-1h"), claimed)

	e.remove("trending-24h")
	servicetest.Await(t, "it is gone", func() bool { return p.state("trending-24h") == "" })
	e.define(row{name: "trending-1h", schedule: "@every 1h", params: `{"window":"1h"}`, version: 2})
	servicetest.Await(t, "it runs again", func() bool { return len(e.claims("trending-1h")) > claimed })
	e.awaitCommits()
	p.Stop()
}

// Two replicas share the jobs, each job being at one of them, also after one has
// died; and no tick is run twice.
func TestReplicasShareTheJobs(t *testing.T) {
	e := migrated(t)
	var rows []row
	for n := range 8 {
		rows = append(rows, row{name: fmt.Sprintf("job-%d", n), schedule: "@every 1s", params: fmt.Sprintf(`{"window":"%dm"}`, 10+n)})
	}
	e.define(rows...)
	a, b := e.service(), e.service()
	e.kafka.AwaitStable(group, 2)
	mine := func(p *process) map[string]job {
		jobs, _ := p.jobs()
		return jobs
	}
	servicetest.Await(t, "they share", func() bool {
		ofA, ofB := mine(a), mine(b)
		for name := range ofA {
			if _, isBoth := ofB[name]; isBoth {
				return false
			}
		}
		return len(ofA) > 0 && len(ofB) > 0 && len(ofA)+len(ofB) == len(rows)
	})
	ran := func(p *process) int { return count(p, `outcome="ok"`) }
	servicetest.Await(t, "many runs", func() bool { return ran(a) > 12 && ran(b) > 12 })
	runs := ran(a) + ran(b) // before the claims are counted, which go on
	assert.LessOrEqual(t, runs, len(e.claims("*")), "each run had a claim of its own")
	e.awaitCommits()

	before := ran(b)
	a.Kill()
	servicetest.Await(t, "the other takes all", func() bool { return len(mine(b)) == len(rows) })
	servicetest.Await(t, "and runs them", func() bool { return ran(b) > before+len(rows) })
	b.Stop()
}

// count adds up a counter's series of job_refresh_total.
func count(p *process, label string) int {
	sum := 0
	for line := range strings.Lines(p.metrics()) {
		if strings.HasPrefix(line, "job_refresh_total{") && strings.Contains(line, label) {
			n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]))
			require.NoError(p, err)
			sum += n
		}
	}
	return sum
}

// A file takes the place of the topic: changes are in force within seconds, and a
// broken one leaves what was there and is shown.
func TestDefinitionsFile(t *testing.T) {
	e := migrated(t)
	path := filepath.Join(t.TempDir(), "jobs.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	t.Setenv("JOBS_DEFINITIONS_FILE", path)
	e.define(row{name: "on-the-topic", schedule: "@every 1s", params: `{"window":"5h"}`})
	const one = "- {name: trending-1h, kind: trending, schedule: '@every 1s', params: {window: 1h}}\n"
	write(one)
	p := e.service()
	servicetest.Await(t, "a list", func() bool { return e.value("1h") != "" })
	jobs, problem := p.jobs()
	assert.Len(t, jobs, 1)
	assert.Empty(t, problem)

	write("- {name: trending-1h, shedule: '@every 1s'}\n")
	servicetest.Await(t, "the mistake shows", func() bool { _, problem = p.jobs(); return strings.Contains(problem, "shedule") })
	_, _, body := servicetest.Get(t, p.admin+"/readyz")
	assert.Contains(t, body, "definitions file")
	assert.Equal(t, "scheduled", p.state("trending-1h"))

	write(one + "- {name: trending-24h, kind: trending, schedule: '@hourly', params: {window: 24h}}\n")
	servicetest.Await(t, "the second list", func() bool { return e.value("24h") != "" })
	e.awaitCommits()
	assert.Empty(t, e.value("5h"))
	p.Stop()
}
