package chtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	startTimeout = 60 * time.Second // another process may be building at the same time
	stopTimeout  = 20 * time.Second
)

// Server is a running ClickHouse server.
type Server struct {
	// Addr is the address of the native protocol, HTTP that of the HTTP interface,
	// both as host:port. They stay the same over Restart.
	Addr, HTTP string
	// Data is the server's data directory.
	Data string

	t       testing.TB
	options options
	binary  string
	workDir string
	log     *os.File
	client  *http.Client
	process *process
}

type options struct {
	flags   []string
	wrapper []string
}

// Option changes how the server is started.
type Option func(*options)

// WithFlags adds flags to the server's command line.
func WithFlags(flags ...string) Option {
	return func(o *options) { o.flags = append(o.flags, flags...) }
}

// WithWrapper runs the server under another program, such as a tracer, which gets
// the server's command line behind its own arguments.
func WithWrapper(command ...string) Option {
	return func(o *options) { o.wrapper = command }
}

// Start builds and runs a server that ends with t.
func Start(tb testing.TB, with ...Option) *Server {
	tb.Helper()
	dir := tb.TempDir()
	s := &Server{
		Addr: "127.0.0.1:0", HTTP: "127.0.0.1:0", Data: filepath.Join(dir, "data"),
		t: tb, binary: Binary(tb), workDir: filepath.Join(dir, "work"), client: &http.Client{Transport: &http.Transport{}},
	}
	for _, option := range with {
		option(&s.options)
	}
	log, err := os.Create(filepath.Join(dir, "server.log")) //nolint:gosec // the test's own directory
	if err != nil {
		tb.Fatalf("creating the server's log: %v", err)
	}
	s.log = log
	if err := os.Mkdir(s.workDir, 0o750); err != nil {
		tb.Fatalf("creating the server's working directory: %v", err)
	}
	tb.Cleanup(s.close)
	s.start()
	return s
}

// Kill ends the server as a crash does, with SIGKILL, and waits for its end.
func (s *Server) Kill() {
	s.t.Helper()
	s.process.kill()
}

// Stop asks the server to end, and waits for it.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.process.stop(); err != nil {
		s.t.Fatalf("stopping the ClickHouse server: %v", err)
	}
}

// Restart starts the server again on its data and its addresses, after stopping it
// if it runs. Options replace those given before.
func (s *Server) Restart(with ...Option) {
	s.t.Helper()
	s.Stop()
	if len(with) > 0 {
		s.options = options{}
	}
	for _, option := range with {
		option(&s.options)
	}
	s.start()
}

// Exited is closed when the process that runs now has ended.
func (s *Server) Exited() <-chan struct{} {
	return s.process.exited
}

// start runs the server and waits until it answers.
func (s *Server) start() {
	s.t.Helper()
	line := slices.Concat(s.options.wrapper, []string{
		s.binary, "--data", s.Data, "--listen", s.Addr, "--http", s.HTTP, "--exit-with-stdin", "--faults",
	}, s.options.flags)
	ctx := context.WithoutCancel(s.t.Context())               // close ends it, after the end of the test's context
	command := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // what the test asked for
	command.Dir = s.workDir
	command.Stderr = s.log
	p, err := startProcess(command)
	if err != nil {
		s.t.Fatalf("starting the ClickHouse server: %v", err)
	}
	s.process = p
	select {
	case line, ok := <-p.ready:
		if !ok {
			s.t.Fatal("the ClickHouse server ended before it was ready")
		}
		s.setAddresses(line)
	case <-time.After(startTimeout):
		s.t.Fatalf("the ClickHouse server is not ready after %v", startTimeout)
	}
}

// setAddresses takes the addresses from the line with which the server is ready.
func (s *Server) setAddresses(ready string) {
	s.t.Helper()
	var native, http string
	if _, err := fmt.Sscanf(ready, "ready native=%s http=%s", &native, &http); err != nil {
		s.t.Fatalf("reading the server's first line %q: %v", ready, err)
	}
	if s.Addr != native { // written once only: others may read them
		s.Addr, s.HTTP = native, http
	}
}

// close ends the server for good and shows its log when the test has failed.
func (s *Server) close() {
	if s.process != nil {
		s.process.kill()
	}
	s.client.CloseIdleConnections()
	if s.t.Failed() {
		s.t.Logf("end of the ClickHouse server's log:\n%s", tail(s.log, 8<<10))
	}
	if err := s.log.Close(); err != nil {
		s.t.Errorf("closing the server's log: %v", err)
	}
}

// tail returns the last bytes of a file.
func tail(file *os.File, size int64) string {
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	content, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-size), size))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// process is one run of the server.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	ready   chan string   // the first line of its output; closed at the end of it
	exited  chan struct{} // closed when it has ended
}

// startProcess runs a command whose end of input is the end of this process.
func startProcess(command *exec.Cmd) (*process, error) {
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, stdin: stdin, ready: make(chan string, 1), exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		defer close(p.ready)
		output := bufio.NewReader(stdout)
		if line, err := output.ReadString('\n'); err == nil {
			p.ready <- line
		}
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait()
	}()
	return p, nil
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	_ = p.stdin.Close()          // ends a server whose wrapper was killed
	<-p.exited
}

// stop lets the process end by itself.
func (p *process) stop() error {
	_ = p.stdin.Close() // it is closed when the process has ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("it still runs %v after the end of its input", stopTimeout)
	}
}
