package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
)

// Where the library is can be said in three ways, and a missing one names the
// command that gets it.
func TestLibraryPath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "libchdb.so")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	path, err := engine.LibraryPath(file)
	require.NoError(t, err)
	require.Equal(t, file, path)
	t.Setenv("LIBCHDB_PATH", file)
	path, err = engine.LibraryPath("")
	require.NoError(t, err)
	require.Equal(t, file, path)
	t.Setenv("LIBCHDB_PATH", "")
	t.Setenv("NOVA_CACHE", t.TempDir())
	_, err = engine.LibraryPath("")
	require.ErrorContains(t, err, "make deps")
	require.ErrorContains(t, err, engine.LibraryVersion)
}
