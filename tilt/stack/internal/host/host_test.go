package host

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// install makes a program that prints text.
func install(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s' '%s'\n", text)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
}

// The first java that is new enough counts, whatever form its version takes, and
// an older one does not.
func TestJava(t *testing.T) {
	for text, want := range map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime":         17,
		"openjdk version \"21\" 2023-09-19":                               21,
		"java version \"1.8.0_392\"":                                      8,
		"Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"18.0.2\"": 18,
		"segmentation fault":                                              0,
	} {
		bin := t.TempDir()
		t.Setenv("PATH", bin)
		path := filepath.Join(bin, "java")
		install(t, path, text)
		found, err := javaIn(t.Context(), t.TempDir())
		if want >= oldestJava {
			require.NoError(t, err, text)
			require.Equal(t, path, found, text)
		} else {
			require.EqualError(t, err, "Java 17 or newer is not installed", text)
		}
	}
}

// A java that is new enough is found beside an older one that comes first in
// PATH.
func TestJavaBesideAnOlderOne(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin)
	install(t, filepath.Join(bin, "java"), `openjdk version "11.0.2"`)
	want := filepath.Join(dir, "java-17-openjdk", "bin", "java")
	install(t, want, `openjdk version "17.0.2"`)
	found, err := javaIn(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, want, found)
}

// The newest PostgreSQL is taken that can also make a cluster, in PATH or not;
// one that is too old is as good as none.
func TestPostgres(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin)
	server := func(dir, version string) {
		install(t, filepath.Join(dir, "postgres"), "postgres (PostgreSQL) "+version+" (Debian)")
		install(t, filepath.Join(dir, "initdb"), "")
	}
	_, err := postgresIn(t.Context(), dir)
	require.EqualError(t, err, "PostgreSQL 15 or newer is not installed")
	server(filepath.Join(dir, "9.6", "bin"), "9.6.24")
	server(filepath.Join(dir, "14", "bin"), "14.1")
	_, err = postgresIn(t.Context(), dir)
	require.EqualError(t, err, "PostgreSQL 15 or newer is not installed")

	server(bin, "16.2")
	found, err := postgresIn(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, bin, found)

	server(filepath.Join(dir, "17", "bin"), "17beta1")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "18", "bin"), 0o700))
	found, err = postgresIn(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "17", "bin"), found)
}

// The machine that runs the tests has what `make deps` installs.
func TestThisMachine(t *testing.T) {
	java, err := Java(t.Context())
	require.NoError(t, err)
	require.FileExists(t, java)
	bin, err := Postgres(t.Context())
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(bin, "initdb"))
	_, err = Command("no-such-program")
	require.EqualError(t, err, "no-such-program is not installed")

	account, err := Unprivileged()
	require.NoError(t, err)
	require.Equal(t, os.Getuid() == 0, account != nil)
	if account != nil {
		require.NotZero(t, account.Uid)
	}
}
