package proxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Mode is what happens to connections.
type Mode int32

// The modes. All but Pass hold for connections that are there and for new ones.
const (
	// Pass forwards.
	Pass Mode = iota
	// Refuse resets.
	Refuse
	// Hang forwards nothing.
	Hang
	// Slow forwards SlowRate bytes a second, each way of each connection.
	Slow
)

// SlowRate is in bytes a second.
const SlowRate = 20_000

// Direction is a way through the proxy.
type Direction int

// The directions.
const (
	ToServer Direction = iota
	ToClient
)

const dialTimeout = 2 * time.Second

// Proxy forwards connections to one address.
type Proxy struct {
	target   string
	listener net.Listener
	mode     atomic.Int32
	resets   atomic.Int64
	closed   chan struct{}
	group    sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when the mode changes
	pairs   map[*pair]bool
	planned [2]plan // resets, by Direction
}

// Listen starts a proxy on a free port of the loopback interface.
func Listen(target string) (*Proxy, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	p := &Proxy{
		target: target, listener: listener,
		closed: make(chan struct{}), changed: make(chan struct{}), pairs: map[*pair]bool{},
	}
	p.group.Go(p.accept)
	return p, nil
}

// Addr is the address to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetMode changes what happens from now on.
func (p *Proxy) SetMode(mode Mode) {
	p.mode.Store(int32(mode))
	p.mu.Lock()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if mode == Refuse {
		p.Cut()
	}
}

// Cut resets all connections that are there.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.reset()
	}
}

// plan is resets to come in one direction.
type plan struct {
	every int64 // bytes
	left  int64 // bytes until the next one
	times int
}

// ResetAfter resets the connection that carries the n-th byte from now on in a
// direction, counted over all connections, right behind that byte; and so on, as
// many times as are asked for. It replaces what was asked for before.
func (p *Proxy) ResetAfter(way Direction, n int64, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned[way] = plan{every: n, left: n, times: times}
}

// Resets is how many connections ResetAfter has met.
func (p *Proxy) Resets() int64 { return p.resets.Load() }

// Close ends all connections. It may be called twice.
func (p *Proxy) Close() {
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.group.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until either end closes it.
func (p *Proxy) serve(client net.Conn) {
	if Mode(p.mode.Load()) == Refuse {
		reset(client)
		return
	}
	server, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	pair := &pair{client: client, server: server, ended: make(chan struct{})}
	if !p.add(pair) {
		pair.reset()
		return
	}
	defer p.remove(pair)
	var ways sync.WaitGroup
	ways.Go(func() { p.forward(pair, ToServer) })
	ways.Go(func() { p.forward(pair, ToClient) })
	ways.Wait()
	pair.close()
}

func (p *Proxy) add(added *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return false
	default:
		p.pairs[added] = true
		return true
	}
}

func (p *Proxy) remove(gone *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, gone)
}
