package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
	pollInterval = 5 * time.Millisecond
)

// Server is a running redis-server.
type Server struct {
	// Addr is the server's host:port. It stays the same over Restart.
	Addr string

	tb        testing.TB
	binary    string
	dir       string
	arguments []string
	process   *process
}

// Option changes how the server is started.
type Option func(*Server)

// WithArguments adds arguments to the server's command line, such as
// "--maxmemory-policy", "allkeys-lru".
func WithArguments(arguments ...string) Option {
	return func(s *Server) { s.arguments = append(s.arguments, arguments...) }
}

// Start runs a server that ends with t.
func Start(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatalf("redis-server is missing, run make deps: %v", err)
	}
	s := &Server{tb: tb, binary: binary, dir: tb.TempDir()}
	for _, option := range options {
		option(s)
	}
	tb.Cleanup(s.close)
	// A port that is free now may be taken before the server listens on it.
	deadline := time.Now().Add(startTimeout)
	for {
		s.Addr = freeAddress(tb)
		err := s.start()
		if err == nil {
			return s
		}
		if time.Now().After(deadline) || !strings.Contains(s.log(), "Address already in use") {
			tb.Fatalf("starting redis-server: %v\n%s", err, s.log())
		}
	}
}

// Kill ends the server as a crash does, with SIGKILL, and waits for its end.
func (s *Server) Kill() {
	s.tb.Helper()
	s.process.kill()
}

// Stop asks the server to end, and waits for it.
func (s *Server) Stop() {
	s.tb.Helper()
	if err := s.process.stop(); err != nil {
		s.tb.Fatalf("stopping redis-server: %v", err)
	}
}

// Restart starts the server again on its data and its address, after stopping it
// if it runs.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.tb.Fatalf("starting redis-server again: %v", err)
	}
}

// Do runs one command and returns its reply as text: a status, an error behind
// its "-", a number, or a string; "" for a reply of nothing.
func (s *Server) Do(arguments ...string) string {
	s.tb.Helper()
	reply, err := do(context.WithoutCancel(s.tb.Context()), s.Addr, arguments...)
	if err != nil {
		s.tb.Fatalf("redis %s: %v", strings.Join(arguments, " "), err)
	}
	return reply
}

// start runs the server and waits until it answers, its data loaded.
func (s *Server) start() error {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	arguments := append([]string{
		"--bind", host, "--port", port, "--dir", s.dir, "--logfile", "redis.log",
		"--save", "", "--appendonly", "yes", "--appendfsync", "always",
	}, s.arguments...)
	command := exec.CommandContext(context.WithoutCancel(s.tb.Context()), s.binary, arguments...) //nolint:gosec // the caller is a test
	command.Dir = s.dir
	process, err := startProcess(command)
	if err != nil {
		return err
	}
	s.process = process
	return s.awaitReady()
}

func (s *Server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), startTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		reply, err := s.readiness(ctx)
		if err == nil && reply == "PONG" {
			return nil
		}
		select {
		case <-s.process.exited:
			return errors.New("it ended before it was ready")
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("it is not ready after %v: it answers %q", startTimeout, reply), err)
		case <-ticker.C:
		}
	}
}

// readiness returns PONG once the server is ours and its data is loaded: CONFIG
// is answered before that.
func (s *Server) readiness(ctx context.Context) (string, error) {
	reply, err := do(ctx, s.Addr, "CONFIG", "GET", "dir")
	if err != nil || !strings.Contains(reply, s.dir) {
		return "another server's " + reply, err
	}
	return do(ctx, s.Addr, "PING")
}

func (s *Server) close() {
	if s.process != nil {
		s.process.kill()
	}
	if s.tb.Failed() {
		s.tb.Logf("redis-server's log:\n%s", s.log())
	}
}

func (s *Server) log() string {
	content, err := os.ReadFile(filepath.Join(s.dir, "redis.log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("finding a free port: %v", err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatalf("finding a free port: %v is no TCP address", listener.Addr())
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(address.Port))
}
