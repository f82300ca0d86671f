package deps

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func here(context.Context) (string, error) { return "/usr/bin/here", nil }

func gone(context.Context) (string, error) { return "", errors.New("not installed") }

// Only the packages of programs that are not here are asked for: what a user has
// installed in another way is left alone.
func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		programs        []program
		names, packages []string
	}{
		"all here": {programs: []program{{"Redis", here, []string{"redis-server"}}}},
		"one gone": {
			programs: []program{{"Redis", gone, []string{"redis-server"}}, {"Java", here, []string{"openjdk"}}},
			names:    []string{"Redis"}, packages: []string{"redis-server"},
		},
		"all gone": {
			programs: []program{{"Redis", gone, []string{"redis-server"}}, {"npm", gone, []string{"nodejs", "npm"}}},
			names:    []string{"Redis", "npm"}, packages: []string{"redis-server", "nodejs", "npm"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			names, packages := missing(t.Context(), test.programs)
			require.Equal(t, test.names, names)
			require.Equal(t, test.packages, packages)
		})
	}
}

// The line that a user copies is one line, a shell takes it, and it asks for no
// service to be started, now or at the next boot.
func TestInstallScript(t *testing.T) {
	script := installScript([]string{"postgresql", "redis-server"})
	require.NotContains(t, script, "'", "it stands between single quotes")
	require.NotContains(t, script, "\n")
	require.NoError(t, exec.CommandContext(t.Context(), "sh", "-n", "-c", script).Run())
	require.Contains(t, script, "create_main_cluster = false")
	require.Contains(t, script, "policy-rc.d")
	require.Contains(t, script, "systemctl disable --now redis-server")
	require.Less(t, strings.Index(script, "apt-get update"), strings.Index(script, "apt-get install"))
	other := installScript([]string{"maven"})
	require.NotContains(t, other, "redis-server")
	require.NotContains(t, other, "postgresql", "what is not installed is not configured")
}

// Ctrl-C while packages are installed ends apt-get and takes back what keeps
// services from starting: left behind, it would bind the user's whole machine.
func TestInstallInterrupted(t *testing.T) {
	dir := t.TempDir()
	policy, begun := filepath.Join(dir, "policy-rc.d"), filepath.Join(dir, "begun")
	apt := "#!/bin/sh\ntest -x " + policy + " && touch " + begun + "\nexec sleep 600\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "apt-get"), []byte(apt), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(begun); err == nil {
				cancel()
			}
			pause(ctx)
		}
	})
	err := runScript(ctx, strings.ReplaceAll(installScript([]string{"maven"}), policyFile, policy), io.Discard)
	watching.Wait()
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, policy)
}

// Where nothing is missing nothing is run and nothing is said.
func TestNothingMissing(t *testing.T) {
	var out strings.Builder
	require.NoError(t, installPrograms(t.Context(), []program{{"Redis", here, []string{"redis-server"}}}, &out))
	require.Empty(t, out.String())
}

// fake is a download whose package manager is a shell script. It sees $next and
// $partial.
func fake(t *testing.T, script string) download {
	t.Helper()
	cache := t.TempDir()
	partial := filepath.Join(cache, "partial")
	return download{
		name:    "a library",
		target:  filepath.Join(cache, "library", "1.0"),
		partial: partial,
		pick:    "built",
		command: func(ctx context.Context, next string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, "sh", "-ec", script)
			cmd.Env = append(os.Environ(), "next="+next, "partial="+partial)
			return cmd
		},
	}
}

// A download is in the cache when it is whole, leaves nothing beside it, and is
// not made again.
func TestDownload(t *testing.T) {
	d := fake(t, `mkdir $next/built; echo content >$next/built/file; echo x >$partial/fetched`)
	var out strings.Builder
	require.NoError(t, d.ensure(t.Context(), &out))
	content, err := os.ReadFile(filepath.Join(d.target, "file"))
	require.NoError(t, err)
	require.Equal(t, "content\n", string(content))
	require.NoDirExists(t, d.target+".next")
	require.NoDirExists(t, d.partial)
	require.Contains(t, out.String(), "downloading a library\n")

	out.Reset()
	d.command = nil // would panic
	require.NoError(t, d.ensure(t.Context(), &out))
	require.Empty(t, out.String())
}

// A download that fails says what the package manager said, and leaves nothing
// that could be taken for the whole; what had arrived serves the next attempt.
func TestDownloadResumes(t *testing.T) {
	d := fake(t, `test -e $partial/half && { mkdir $next/built; exit; }; touch $next/torn $partial/half; echo no network >&2; exit 1`)
	err := d.ensure(t.Context(), io.Discard)
	require.ErrorContains(t, err, "downloading a library: exit status 1\nno network\nwhat has arrived is kept")
	require.NoDirExists(t, d.target)

	require.NoError(t, d.ensure(t.Context(), io.Discard))
	require.DirExists(t, d.target)
	require.NoFileExists(t, filepath.Join(d.target, "torn"))
}

// Ctrl-C ends a download at once and leaves nothing that could be taken for the
// whole.
func TestDownloadInterrupted(t *testing.T) {
	d := fake(t, `mkdir $next/built; touch $partial/begun; exec sleep 600`)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(d.partial, "begun")); err == nil {
				cancel()
			}
			pause(ctx)
		}
	})
	err := d.ensure(ctx, io.Discard)
	watching.Wait()
	require.ErrorIs(t, err, context.Canceled)
	require.NoDirExists(t, d.target)
}

// A machine that the engine is not built for is told so, and not by npm.
func TestDownloadImpossible(t *testing.T) {
	d := fake(t, "")
	d.err = errors.New("not built for riscv64")
	require.EqualError(t, d.ensure(t.Context(), io.Discard), "not built for riscv64")
}

// Two stacks that find the same thing missing download it once: the second waits
// and says so.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, io.Discard)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	_, err = lock(ctx, path, &out)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "waiting for another download")

	unlock()
	unlock, err = lock(t.Context(), path, io.Discard)
	require.NoError(t, err)
	unlock()
}

// Both downloads land where their users look, under a name that changes with
// their versions.
func TestTargets(t *testing.T) {
	t.Setenv("LIBCHDB_PATH", "")
	root, cache := t.TempDir(), t.TempDir()
	t.Setenv("NOVA_CACHE", cache)
	l, err := layout.New(layout.Config{NovaCache: cache}, root)
	require.NoError(t, err)

	library := libraryDownload(l)
	require.NoError(t, library.err)
	require.NoError(t, os.MkdirAll(library.target, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(library.target, "libchdb.so"), nil, 0o600))
	found, err := Library()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(library.target, "libchdb.so"), found)
	require.Contains(t, found, engine.LibraryVersion)

	require.ErrorIs(t, jarsDownload(l).err, os.ErrNotExist)
	pom := filepath.Join(root, "tilt", "debezium", "pom.xml")
	require.NoError(t, os.MkdirAll(filepath.Dir(pom), 0o700))
	require.NoError(t, os.WriteFile(pom, []byte("3.6.3"), 0o600))
	first := Jars(l)
	require.NoError(t, os.WriteFile(pom, []byte("3.6.4"), 0o600))
	require.NotEqual(t, first, Jars(l))
}
