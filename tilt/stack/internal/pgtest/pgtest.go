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

const startTimeout = 30 * time.Second

// Server is a PostgreSQL server that lives as long as its test.
type Server struct {
	// DSN reaches the database nova as its superuser postgres.
	DSN string

	t       testing.TB
	bin     string
	dir     string
	port    int
	process *exec.Cmd
	exited  chan struct{}
}

// Start runs a server for t with an empty database nova.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: binaries(t), dir: directory(t), port: freePort(t)}
	s.DSN = s.dsn("nova")
	s.run("initdb", "--pgdata", s.data(), "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--no-locale", "--no-sync")
	s.start()
	t.Cleanup(func() { s.stop(syscall.SIGQUIT) })
	s.exec(s.dsn("postgres"), "CREATE DATABASE nova")
	return s
}

// StartNova runs a server whose database holds the Nova schema, the SQL files
// of tilt/postgres in the order of their names.
func StartNova(t testing.TB) *Server {
	t.Helper()
	s := Start(t)
	files, err := filepath.Glob(filepath.Join(workspace(t), "tilt", "postgres", "*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no SQL files in tilt/postgres")
	slices.Sort(files)
	for _, file := range files {
		sql, err := os.ReadFile(file) //nolint:gosec // a file of this repository
		require.NoError(t, err)
		s.exec(s.DSN, string(sql))
	}
	return s
}

// Connect opens a connection that is closed with the test.
func (s *Server) Connect() *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.DSN)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) })
	return conn
}

// Exec runs sql, one statement or several, on a connection of its own.
func (s *Server) Exec(sql string, args ...any) {
	s.t.Helper()
	s.exec(s.DSN, sql, args...)
}

// Kill ends the server at once, without a checkpoint.
func (s *Server) Kill() {
	s.t.Helper()
	s.stop(syscall.SIGQUIT)
}

// Restart starts a killed server again, with its data and at its address.
func (s *Server) Restart() {
	s.t.Helper()
	s.start()
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) exec(dsn, sql string, args ...any) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), dsn)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close(s.t.Context()) }()
	if len(args) == 0 {
		_, err = conn.PgConn().Exec(s.t.Context(), sql).ReadAll()
	} else {
		_, err = conn.Exec(s.t.Context(), sql, args...)
	}
	require.NoError(s.t, err)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec,noctx // PostgreSQL's own programs, ended by stop
	cmd.Dir = s.dir
	// The server must not outlive a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(s.t), Pdeathsig: syscall.SIGQUIT}
	return cmd
}

func (s *Server) run(name string, args ...string) {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	require.NoError(s.t, err, "running %s: %s", name, out)
}

func (s *Server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	defer func() { _ = log.Close() }()
	s.process = s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "wal_level=logical", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	s.process.Stdout, s.process.Stderr = log, log
	require.NoError(s.t, s.process.Start())
	exited := make(chan struct{})
	s.exited = exited
	go func(process *exec.Cmd) {
		_ = process.Wait()
		close(exited)
	}(s.process)
	s.awaitReady()
}

func (s *Server) awaitReady() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
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
			s.t.Fatalf("PostgreSQL ended while starting:\n%s", s.logTail())
		case <-ctx.Done():
			s.t.Fatalf("PostgreSQL was not ready after %v (%v):\n%s", startTimeout, err, s.logTail())
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

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed two lines on
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
