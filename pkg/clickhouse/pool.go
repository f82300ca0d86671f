package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go"
	"go.opentelemetry.io/otel/metric"
)

// maxIdle is how long an unused connection is kept.
const maxIdle = time.Minute

// errPoolClosed is what calls after Close get.
var errPoolClosed = errors.New("pool is closed")

// Deps is what a Pool is given by its owner.
type Deps struct {
	Log   *slog.Logger
	Meter metric.Meter
}

// Pool is a set of connections to one ClickHouse server or cluster.
type Pool struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	dialer  *dialer

	// permits holds one token for each connection that may still be in use.
	permits chan struct{}

	mu        sync.Mutex
	idle      []*connection
	preferred int
	isClosed  bool
}

// Open prepares a pool without connecting. Its errors are those of certificate
// files and of the meter.
func Open(cfg Config, deps Deps) (*Pool, error) {
	dialer, err := newDialer(cfg)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	return &Pool{
		cfg:     cfg,
		log:     deps.Log,
		metrics: metrics,
		dialer:  dialer,
		permits: make(chan struct{}, cfg.MaxConns),
	}, nil
}

// Database returns the name of the database that holds Nova's tables.
func (p *Pool) Database() string { return p.cfg.Database }

// Close closes idle connections at once and the others when their call ends.
// Later calls fail.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isClosed = true
	for _, conn := range p.idle {
		conn.close()
	}
	p.idle = nil
}

// Ping asks the server for a sign of life.
func (p *Pool) Ping(ctx context.Context) error {
	return p.Exec(ctx, "SELECT 1", nil)
}

// do runs one query within the timeout, on a connection of its own.
func (p *Pool) do(ctx context.Context, query ch.Query) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	return p.session(ctx, func(s *session) error { return s.do(ctx, query) })
}

// connect returns an idle connection that is alive, or a new one.
func (p *Pool) connect(ctx context.Context) (*connection, error) {
	for {
		conn, err := p.popIdle()
		if err != nil {
			return nil, err
		}
		if conn == nil {
			return p.dial(ctx)
		}
		if time.Since(conn.idleAt) < maxIdle && conn.socket.isQuiet() {
			return conn, nil
		}
		conn.close()
	}
}

// popIdle returns the connection used last, or nil if none is idle.
func (p *Pool) popIdle() (*connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed {
		return nil, errPoolClosed
	}
	if len(p.idle) == 0 {
		return nil, nil
	}
	last := len(p.idle) - 1
	conn := p.idle[last]
	p.idle = slices.Delete(p.idle, last, last+1)
	return conn, nil
}

func (p *Pool) release(conn *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed {
		conn.close()
		return
	}
	conn.idleAt = time.Now()
	p.idle = append(p.idle, conn)
}

// dial tries the addresses in order, from the one that answered last.
func (p *Pool) dial(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	first := p.preferred
	p.mu.Unlock()
	var problems []error
	for i := range p.cfg.Addr {
		candidate := (first + i) % len(p.cfg.Addr)
		conn, err := p.dialer.dial(ctx, p.cfg.Addr[candidate])
		if err == nil {
			p.prefer(candidate)
			return conn, nil
		}
		problems = append(problems, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("connecting: %w", mostHopeful(problems))
}

// mostHopeful returns the first problem that passes by itself, or else the first,
// with the others in its text: one address that refuses the login does not make a
// failure the operator's while another is only down.
func mostHopeful(problems []error) error {
	chosen := max(0, slices.IndexFunc(problems, func(err error) bool { return IsInfrastructure(classify("connecting", err)) }))
	result := problems[chosen]
	for i, other := range problems {
		if i != chosen {
			result = fmt.Errorf("%w; %s", result, other.Error())
		}
	}
	return result
}

func (p *Pool) prefer(candidate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.preferred != candidate {
		p.log.Info("ClickHouse address changed", "from", p.cfg.Addr[p.preferred], "to", p.cfg.Addr[candidate])
		p.preferred = candidate
	}
}
