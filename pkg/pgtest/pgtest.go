package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const startTimeout = time.Minute

// Server is a PostgreSQL server that lives as long as its test.
type Server struct {
	// DSN reaches the database nova as its superuser postgres.
	DSN string

	tb      testing.TB
	bin     string
	dir     string
	port    int
	process *exec.Cmd
	exited  chan struct{}
}

// Start runs a server for t with an empty database nova.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb, bin: binaries(tb), dir: directory(tb), port: freePort(tb)}
	s.DSN = s.dsn("nova")
	s.run("initdb", "--pgdata", s.data(), "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--no-locale", "--no-sync")
	s.start()
	tb.Cleanup(func() { s.stop(syscall.SIGQUIT) })
	s.exec(s.dsn("postgres"), "CREATE DATABASE nova")
	return s
}

// StartNova runs a server whose database holds the Nova schema, the SQL files
// of tilt/postgres in the order of their names.
func StartNova(tb testing.TB) *Server {
	tb.Helper()
	s := Start(tb)
	files, err := filepath.Glob(filepath.Join(workspace(tb), "tilt", "postgres", "*.sql"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files, "no SQL files in tilt/postgres")
	slices.Sort(files)
	for _, file := range files {
		sql, err := os.ReadFile(file) //nolint:gosec // a file of this repository
		require.NoError(tb, err)
		s.exec(s.DSN, string(sql))
	}
	return s
}

// Connect opens a connection that is closed with the test.
func (s *Server) Connect() *pgx.Conn {
	s.tb.Helper()
	conn, err := pgx.Connect(s.tb.Context(), s.DSN)
	require.NoError(s.tb, err)
	s.tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.tb.Context())) })
	return conn
}

// Exec runs sql, one statement or several, on a connection of its own.
func (s *Server) Exec(sql string, args ...any) {
	s.tb.Helper()
	s.exec(s.DSN, sql, args...)
}

// Kill ends the server at once, without a checkpoint.
func (s *Server) Kill() {
	s.tb.Helper()
	s.stop(syscall.SIGQUIT)
}

// Restart starts a killed server again, with its data and at its address, under
// further settings: "--wal_level=replica".
func (s *Server) Restart(settings ...string) {
	s.tb.Helper()
	s.start(settings...)
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) exec(dsn, sql string, args ...any) {
	s.tb.Helper()
	conn, err := pgx.Connect(s.tb.Context(), dsn)
	require.NoError(s.tb, err)
	defer func() { _ = conn.Close(s.tb.Context()) }()
	if len(args) == 0 {
		_, err = conn.PgConn().Exec(s.tb.Context(), sql).ReadAll()
	} else {
		_, err = conn.Exec(s.tb.Context(), sql, args...)
	}
	require.NoError(s.tb, err)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec,noctx // PostgreSQL's own programs, ended by stop
	cmd.Dir = s.dir
	// The server must not outlive a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(s.tb), Pdeathsig: syscall.SIGQUIT}
	return cmd
}

func (s *Server) run(name string, args ...string) {
	s.tb.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	require.NoError(s.tb, err, "running %s: %s", name, out)
}

func (s *Server) start(settings ...string) {
	s.tb.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.tb, err)
	defer func() { _ = log.Close() }()
	s.process = s.command("postgres", append([]string{
		"-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "wal_level=logical", "-c", "fsync=off", "-c", "shared_buffers=16MB",
	}, settings...)...)
	s.process.Stdout, s.process.Stderr = log, log
	require.NoError(s.tb, s.process.Start())
	exited := make(chan struct{})
	s.exited = exited
	go func(process *exec.Cmd) {
		_ = process.Wait()
		close(exited)
	}(s.process)
	s.awaitReady()
}

func (s *Server) awaitReady() {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(s.tb.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.dsn("postgres"))
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-tick.C:
		case <-s.exited:
			s.tb.Fatalf("PostgreSQL ended while starting:\n%s", s.logTail())
		case <-ctx.Done():
			s.tb.Fatalf("PostgreSQL was not ready after %v (%v):\n%s", startTimeout, err, s.logTail())
		}
	}
}

func (s *Server) stop(signal syscall.Signal) {
	_ = s.process.Process.Signal(signal)
	<-s.exited
}

func (s *Server) logTail() string {
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4096):])
}

func freePort(tb testing.TB) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed two lines on
	require.NoError(tb, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
