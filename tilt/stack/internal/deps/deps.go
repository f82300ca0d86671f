package deps

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

// Ensure installs and downloads what is missing, and tells out about it. It says
// nothing when all is there.
func Ensure(ctx context.Context, l layout.Layout, out io.Writer) error {
	if err := installPrograms(ctx, programs(), out); err != nil {
		return err
	}
	if err := os.MkdirAll(l.Cache, 0o755); err != nil { //nolint:gosec // downloads are no secret
		return fmt.Errorf("making the cache: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(l.Cache, "lock"), out)
	if err != nil {
		return err
	}
	defer unlock()
	if err := jarsDownload(l).ensure(ctx, out); err != nil {
		return err
	}
	if _, err := Library(); err == nil {
		return nil
	}
	return libraryDownload(l).ensure(ctx, out)
}

// Jars returns the directory of Kafka's and Debezium's jars.
func Jars(l layout.Layout) string { return jarsDownload(l).target }

// Library returns the path of the ClickHouse engine: the one in the cache, unless
// LIBCHDB_PATH names another.
func Library() (string, error) { return engine.LibraryPath("") }

// lock waits until no other stack downloads into the same cache.
func lock(ctx context.Context, path string, out io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file in the cache
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	said := false
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !said {
			said = true
			fmt.Fprintln(out, "waiting for another download into", filepath.Dir(path))
		}
		if !pause(ctx) {
			_ = file.Close()
			return nil, fmt.Errorf("locking the cache: %w", context.Cause(ctx))
		}
	}
}
