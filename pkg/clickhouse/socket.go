package clickhouse

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// socket is a TCP connection whose reading can be ended for good.
type socket struct {
	net.Conn

	mu            sync.Mutex
	isInterrupted bool
}

// interrupt ends a read that blocks and all later ones; writing goes on, so that
// ch-go can still send its Cancel. ch-go by itself looks at a query's context
// only between packets: a cancelled query would run on for seconds, and a stall
// inside a packet for ever.
func (s *socket) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isInterrupted = true
	_ = s.SetDeadline(time.Unix(1, 0))
}

// SetReadDeadline implements net.Conn; it does not undo an interrupt.
func (s *socket) SetReadDeadline(deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isInterrupted {
		return nil
	}
	return s.Conn.SetReadDeadline(deadline)
}

// isQuiet reports whether the connection is open and nothing waits to be read,
// neither bytes nor the end, as it must be while no query runs.
func (s *socket) isQuiet() bool {
	conn, ok := s.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(descriptor uintptr) bool {
		var one [1]byte
		_, _, peek := syscall.Recvfrom(int(descriptor), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(peek, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
