package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/tilt/stack/internal/host"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// outside is where PostgreSQL's data lies when root starts the stack: the user
// that PostgreSQL runs as cannot enter root's home, where the clone may be.
const outside = "/var/lib/nova-stack"

func postgresPart(ctx context.Context, l layout.Layout) (supervisor.Part, error) {
	part := supervisor.Part{
		Name:    "postgres",
		Address: l.Postgres.Addr,
		Ready:   probe.Postgres(l.PostgresDSN()),
		Settle:  func(ctx context.Context) error { return applySQL(ctx, l) },
	}
	if !l.Postgres.Own {
		return part, nil
	}
	bin, err := host.Postgres(ctx)
	if err != nil {
		return supervisor.Part{}, err
	}
	account, err := host.Unprivileged()
	if err != nil {
		return supervisor.Part{}, err
	}
	s := postgresServer{bin: bin, account: account, link: l.Data("postgres"), port: l.Port(layout.PostgresPort)}
	s.home = s.link
	if account != nil {
		s.home = postgresOutside(s.link)
	}
	part.Prepare = s.prepare
	part.Ready = probe.Postgres(strings.Replace(l.PostgresDSN(), "/nova?", "/postgres?", 1))
	part.Settle = func(ctx context.Context) error {
		if err := createDatabase(ctx, l); err != nil {
			return err
		}
		return applySQL(ctx, l)
	}
	part.Command = s.command()
	return part, nil
}

type postgresServer struct {
	bin     string
	account *syscall.Credential
	// home holds the data. For root it lies outside, and link leads there.
	home, link string
	port       int
}

func (s postgresServer) cluster() string { return filepath.Join(s.home, "cluster") }

func (s postgresServer) command() *supervisor.Command {
	return &supervisor.Command{
		Path: filepath.Join(s.bin, "postgres"),
		Args: []string{
			"-D", s.cluster(),
			"-p", strconv.Itoa(s.port),
			"-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=",
			"-c", "wal_level=logical",
			"-c", "max_connections=200",
		},
		Dir:        s.home,
		Credential: s.account,
		// Fast and immediate shutdown: clients are not waited for.
		Stop:     syscall.SIGINT,
		Orphaned: syscall.SIGQUIT,
	}
}

// prepare makes the cluster at the first start.
func (s postgresServer) prepare(ctx context.Context) error {
	if err := s.makeHome(); err != nil {
		return fmt.Errorf("making the directory for PostgreSQL: %w", err)
	}
	return makeOnce(s.cluster(), func(next string) error {
		initdb := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata", next, //nolint:gosec // PostgreSQL's own program
			"--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
		initdb.Dir = s.home
		initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
		if out, err := initdb.CombinedOutput(); err != nil {
			return fmt.Errorf("making a cluster: %w\n%s", err, out)
		}
		return nil
	})
}

// makeHome makes the directory of the data.
func (s postgresServer) makeHome() error {
	if s.account == nil {
		return os.MkdirAll(s.home, 0o700)
	}
	if err := os.MkdirAll(s.home, 0o755); err != nil { //nolint:gosec // its parent must be passable, it holds no data itself
		return err
	}
	if err := os.Chown(s.home, int(s.account.Uid), int(s.account.Gid)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.link), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(s.home, s.link); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// postgresOutside returns where the data that link leads to lies: one place for
// each RUN_DIR.
func postgresOutside(link string) string {
	sum := sha256.Sum256([]byte(link))
	return filepath.Join(outside, hex.EncodeToString(sum[:6]))
}

// RemoveOutside removes what a stack of l has stored outside of its directories.
func RemoveOutside(l layout.Layout) error {
	link := l.Data("postgres")
	target, err := os.Readlink(link)
	if err != nil || target != postgresOutside(link) {
		return nil //nolint:nilerr // no link of ours, so nothing lies outside
	}
	return os.RemoveAll(target)
}

func createDatabase(ctx context.Context, l layout.Layout) error {
	conn, err := pgx.Connect(ctx, strings.Replace(l.PostgresDSN(), "/nova?", "/postgres?", 1))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'nova')").Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE nova")
	return err
}

// applySQL applies tilt/postgres/*.sql in the order of their names.
func applySQL(ctx context.Context, l layout.Layout) error {
	conn, err := pgx.Connect(ctx, l.PostgresDSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var level string
	if err := conn.QueryRow(ctx, "SHOW wal_level").Scan(&level); err != nil {
		return err
	}
	if level != "logical" {
		return fmt.Errorf("wal_level is %s: change data capture needs ALTER SYSTEM SET wal_level = 'logical' and a restart of PostgreSQL", level)
	}
	files, err := filepath.Glob(filepath.Join(l.Root, "tilt", "postgres", "*.sql"))
	if err != nil || len(files) == 0 {
		return errors.Join(fmt.Errorf("no SQL files in %s", filepath.Join(l.Root, "tilt", "postgres")), err)
	}
	slices.Sort(files)
	for _, file := range files {
		sql, err := os.ReadFile(file) //nolint:gosec // a file of this repository
		if err != nil {
			return err
		}
		if _, err := conn.PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
			return fmt.Errorf("applying %s: %w", filepath.Base(file), err)
		}
	}
	return nil
}
