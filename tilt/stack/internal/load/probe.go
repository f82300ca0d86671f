package load

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

const (
	// pollEvery is the time between two questions, and so what freshness may be too
	// long by.
	pollEvery = 20 * time.Millisecond
	// askAgainAfter is the pause after a query that failed.
	askAgainAfter = time.Second
	askWithin     = 10 * time.Second

	// seenMarkers reads a key range of the table, which is ordered by these columns.
	seenMarkers = `SELECT toString(event_id) FROM post_events
WHERE post_id = {post:UUID} AND event_type = {type:String} AND event_time >= fromUnixTimestamp64Milli({since:Int64})`
)

// probe sends marker events and asks ClickHouse for them.
type probe struct {
	*runner

	from  Querier
	ended chan struct{} // closed when no marker follows

	mu          sync.Mutex
	outstanding map[uuid.UUID]awaited
}

// awaited is a marker that was accepted and not seen so far.
type awaited struct {
	timeMS   int64 // as in ClickHouse
	accepted time.Time
}

func newProbe(r *runner, from Querier) *probe {
	return &probe{runner: r, from: from, ended: make(chan struct{}), outstanding: map[uuid.UUID]awaited{}}
}

func (p *probe) isOff() bool { return p.from == nil || p.cfg.ProbeEvery == 0 }

// send posts a marker now and then until ctx ends.
func (p *probe) send(ctx context.Context) error {
	if p.isOff() {
		return nil
	}
	cfg := p.cfg
	cfg.Payload = 0
	form := newEncoder(cfg)
	random := rand.New(rand.NewPCG(cfg.Seed, firstMarker)) //nolint:gosec // not a secret
	for number := 0; ctx.Err() == nil; number++ {
		if pace.Pause(ctx, time.Until(p.start.Add(time.Duration(number)*cfg.ProbeEvery))) != nil {
			continue
		}
		marker := p.marker(number, time.Now())
		form.begin()
		if err := form.add(&marker, random); err != nil {
			return err
		}
		body, err := form.end()
		if err != nil {
			return err
		}
		answer, err := p.api.Post(context.WithoutCancel(ctx), body)
		switch {
		case answer.IsAccepted():
			p.expect(marker, time.Now())
		case err != nil:
			p.recorder.probeFailed(err)
		default:
			p.recorder.probeFailed(fmt.Errorf("the events API answers a marker with status %d: %s", answer.Status, answer.Text))
		}
	}
	return nil
}

func (p *probe) expect(e event.Event, accepted time.Time) {
	p.recorder.probed()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outstanding[e.ID] = awaited{timeMS: e.TimeMS, accepted: accepted}
}

// oldest is the time of the marker that has been outstanding for longest.
func (p *probe) oldest() (timeMS int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	timeMS = math.MaxInt64
	for _, m := range p.outstanding {
		timeMS = min(timeMS, m.timeMS)
	}
	return timeMS
}

func (p *probe) isEmpty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.outstanding) == 0
}

// finish says that no marker follows.
func (p *probe) finish() { close(p.ended) }

// watch asks for what is outstanding until all of it is seen, at most for as long as
// the configuration says after finish, or until ctx ends.
func (p *probe) watch(ctx context.Context) error {
	if p.isOff() {
		return nil
	}
	var deadline time.Time // zero before finish
	for ctx.Err() == nil {
		if deadline.IsZero() && p.isFinished() {
			deadline = time.Now().Add(p.cfg.ProbeTimeout)
		}
		if !deadline.IsZero() && (p.isEmpty() || time.Now().After(deadline)) {
			return nil
		}
		wait := pollEvery
		if !p.isEmpty() {
			if err := p.ask(ctx); err != nil && ctx.Err() == nil {
				p.recorder.probeFailed(err)
				wait = askAgainAfter
			}
		}
		_ = pace.Pause(ctx, wait)
	}
	return nil
}

func (p *probe) isFinished() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ask reads the markers since the oldest that is outstanding.
func (p *probe) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	parameters := clickhouse.Parameters{
		"post": p.markerPost().String(), "type": event.Impression.EventType(), "since": strconv.FormatInt(p.oldest(), 10),
	}
	err := p.from.Query(ctx, seenMarkers, parameters, func(rows *block.Reader) error {
		now := time.Now()
		for row := range rows.Rows() {
			var text string
			if err := rows.Scan(row, &text); err != nil {
				return err
			}
			id, err := uuid.Parse(text)
			if err != nil {
				return fmt.Errorf("reading a marker's id: %w", err)
			}
			p.shown(id, now)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("asking ClickHouse for markers: %w", err)
	}
	return nil
}

// shown takes a marker that ClickHouse shows, maybe not for the first time.
func (p *probe) shown(id uuid.UUID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := p.outstanding[id]; ok {
		delete(p.outstanding, id)
		p.recorder.seen(now.Sub(m.accepted))
	}
}
