package traffic

import (
	"context"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

// maxDebt bounds how much is caught up after a standstill.
const maxDebt = time.Second

// pacer keeps a rate: its user waits for n units before it spends them.
type pacer struct {
	perSecond float64
	due       time.Time
}

// wait returns when the units spent before are paid for, with an error only
// when ctx ends first.
func (p *pacer) wait(ctx context.Context, units int) error {
	now := time.Now()
	if p.due.IsZero() {
		p.due = now
	}
	if earliest := now.Add(-maxDebt); p.due.Before(earliest) {
		p.due = earliest
	}
	delay := p.due.Sub(now)
	p.due = p.due.Add(time.Duration(float64(units) / p.perSecond * float64(time.Second)))
	return pace.Pause(ctx, delay)
}

// backoff doubles from 100 ms to 2 s.
type backoff struct{ next time.Duration }

func (b *backoff) delay() time.Duration {
	if b.next == 0 {
		b.next = 100 * time.Millisecond
	}
	delay := b.next
	b.next = min(2*b.next, 2*time.Second)
	return delay
}

func (b *backoff) reset() { b.next = 0 }
