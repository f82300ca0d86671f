package deps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

const (
	// progressEvery is the time between two lines of progress.
	progressEvery = 3 * time.Second
	pollEvery     = 200 * time.Millisecond
	// copyDependencies is not "dependency:…": Maven looks a short name up on the
	// network, and without one says only that there is no such plugin.
	copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"
)

// download brings one directory into the cache.
type download struct {
	name string
	// target is the directory that is complete when it is there.
	target string
	// partial keeps what a package manager has fetched, over interruptions. It
	// is removed when target is there.
	partial string
	// command fetches by way of partial and puts the result into next.
	command func(ctx context.Context, next string) *exec.Cmd
	// pick is the directory in next that becomes target; "" is next itself.
	pick string
	// err is why this machine cannot have it.
	err error
}

// jarsDownload takes Kafka and Debezium from Maven, as tilt/debezium/pom.xml pins
// them: another pom is another directory.
func jarsDownload(l layout.Layout) download {
	pom := filepath.Join(l.Root, "tilt", "debezium", "pom.xml")
	content, err := os.ReadFile(pom) //nolint:gosec // a file of this repository
	sum := sha256.Sum256(content)
	partial := filepath.Join(l.Cache, "partial", "maven")
	return download{
		name:    "Kafka and Debezium from Maven Central",
		target:  filepath.Join(l.Cache, "jars", hex.EncodeToString(sum[:6])),
		partial: partial,
		err:     err,
		command: func(ctx context.Context, next string) *exec.Cmd {
			return exec.CommandContext(ctx, "mvn", "--batch-mode", "--no-transfer-progress", "--quiet", //nolint:gosec // a pinned download
				"--file", pom, "-Dmaven.repo.local="+partial, copyDependencies,
				"-DincludeScope=runtime", "-DoutputDirectory="+next)
		},
	}
}

// libraryDownload takes the ClickHouse engine from npm.
func libraryDownload(l layout.Layout) download {
	machine, known := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	var err error
	if !known {
		err = fmt.Errorf("the ClickHouse engine is not built for %s", runtime.GOARCH)
	}
	name := "@chdb/lib-linux-" + machine + "-gnu"
	partial := filepath.Join(l.Cache, "partial", "npm")
	return download{
		name:    "the ClickHouse engine from npm",
		target:  filepath.Join(l.Cache, "libchdb", engine.LibraryVersion, runtime.GOARCH),
		partial: partial,
		err:     err,
		pick:    filepath.Join("node_modules", name),
		command: func(ctx context.Context, next string) *exec.Cmd {
			return exec.CommandContext(ctx, "npm", "install", "--prefix", next, "--cache", partial, //nolint:gosec // a pinned download
				"--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error", "--prefer-offline",
				"--fetch-retry-maxtimeout", "10000", // milliseconds
				name+"@"+engine.LibraryVersion)
		},
	}
}

// ensure fetches the directory unless it is there.
func (d download) ensure(ctx context.Context, out io.Writer) error {
	if _, err := os.Stat(d.target); err == nil {
		return nil
	}
	if d.err != nil {
		return d.err
	}
	fmt.Fprintf(out, "downloading %s\n", d.name)
	began := time.Now()
	next := d.target + ".next"
	if err := d.fetch(ctx, next, out); err != nil {
		return fmt.Errorf("downloading %s: %w", d.name, err)
	}
	if err := os.Rename(filepath.Join(next, d.pick), d.target); err != nil {
		return fmt.Errorf("downloading %s: %w", d.name, err)
	}
	for _, dir := range []string{next, d.partial} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("tidying up after the download: %w", err)
		}
	}
	fmt.Fprintf(out, "downloaded %s: %s in %.0f s\n", d.name, megabytes(size(d.target)), time.Since(began).Seconds())
	return nil
}

// fetch runs the command into an empty next and shows how the files grow.
func (d download) fetch(ctx context.Context, next string, out io.Writer) error {
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	for _, dir := range []string{next, d.partial} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // downloads are no secret
			return err
		}
	}
	command := d.command(ctx, next)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	// A child of the package manager that outlives it must not hold this up.
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("%w\n%s\nwhat has arrived is kept for the next attempt", err, strings.TrimSpace(said.String()))
			}
			return nil
		case <-tick.C:
			fmt.Fprintf(out, "  %s so far\n", megabytes(size(d.partial)+size(next)))
		}
	}
}

// size returns the bytes of all files under dir that are there at the moment.
func size(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // files come and go during a download
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// pause waits a moment and tells whether ctx lasted as long.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
