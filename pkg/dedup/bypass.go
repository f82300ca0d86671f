package dedup

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nova-data/nova/pkg/breaker"
)

const (
	// probeTimeout is how long a batch waits for a sign of life of a Redis that is
	// bypassed.
	probeTimeout = 250 * time.Millisecond
	// healthPart is what Health calls it.
	healthPart = "deduplication"
)

// bypass is the state of a Claimer that goes on without Redis while that fails.
// A nil bypass is never active.
type bypass struct {
	log    *slog.Logger
	health Health

	mu     sync.Mutex
	active bool
}

func (b *bypass) isActive() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.active
}

// begins says whether claims go on without Redis after err: once its breaker is
// open, and from then on until one succeeds.
func (b *bypass) begins(ctx context.Context, err error) bool {
	if b == nil || ctx.Err() != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.active {
		return true
	}
	if !errors.Is(err, breaker.ErrOpen) {
		return false
	}
	b.active = true
	b.log.Warn("deduplication is bypassed: copies of an event may be stored", "error", err)
	if b.health != nil {
		b.health.Degraded(healthPart, "bypassed, copies of an event may be stored: "+err.Error())
	}
	return true
}

// end says that Redis has decided again.
func (b *bypass) end() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.active {
		return
	}
	b.active = false
	b.log.Info("deduplication works again")
	if b.health != nil {
		b.health.Healthy(healthPart)
	}
}
