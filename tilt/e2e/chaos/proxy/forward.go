package proxy

import (
	"net"
	"sync"
	"time"
)

// pair is a connection and the one behind it.
type pair struct {
	client, server net.Conn

	once  sync.Once
	ended chan struct{}
}

func (p *pair) close() {
	p.once.Do(func() {
		close(p.ended)
		_ = p.client.Close()
		_ = p.server.Close()
	})
}

// reset ends both connections so that neither side takes it for an end of stream.
func (p *pair) reset() {
	p.once.Do(func() {
		close(p.ended)
		reset(p.client)
		reset(p.server)
	})
}

func reset(connection net.Conn) {
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

func (p *pair) way(way Direction) (from, to net.Conn) {
	if way == ToServer {
		return p.client, p.server
	}
	return p.server, p.client
}

const (
	chunkSize = 32 << 10
	// slowTick is how often a slow connection forwards something.
	slowTick  = 20 * time.Millisecond
	slowChunk = SlowRate * int(slowTick) / int(time.Second)
)

// forward copies one way until its source ends, and passes that end on.
func (p *Proxy) forward(pair *pair, way Direction) {
	from, to := pair.way(way)
	buffer := make([]byte, chunkSize)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.send(pair, way, buffer[:n]) {
			return
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
	}
}

// send writes bytes as the mode allows. It reports whether the connection lives.
func (p *Proxy) send(pair *pair, way Direction, data []byte) bool {
	_, to := pair.way(way)
	data, isLast := p.take(way, data)
	for len(data) > 0 {
		n := p.await(pair, len(data))
		if n == 0 {
			return false
		}
		if _, err := to.Write(data[:n]); err != nil {
			pair.reset()
			return false
		}
		data = data[n:]
	}
	if isLast {
		p.resets.Add(1)
		pair.reset()
	}
	return !isLast
}

// take counts bytes towards a reset, and returns those that still pass.
func (p *Proxy) take(way Direction, data []byte) (passing []byte, isLast bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	planned := &p.planned[way]
	left := planned.left
	switch {
	case planned.times == 0:
		return data, false
	case int64(len(data)) < left:
		planned.left -= int64(len(data))
		return data, false
	}
	planned.times--
	planned.left = planned.every
	return data[:left], true
}

// await returns how many of n bytes may be written now, 0 when the connection has
// ended.
func (p *Proxy) await(pair *pair, n int) int {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		var tick <-chan time.Time
		switch Mode(p.mode.Load()) {
		case Pass:
			return n
		case Slow:
			tick = time.After(slowTick)
		case Hang, Refuse:
		}
		select {
		case <-tick:
			return min(n, slowChunk)
		case <-changed:
		case <-pair.ended:
			return 0
		}
	}
}
