package event_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write missing golden files")

// golden returns a released record. One that exists is never written again: it
// stands for what lies in the topics of installations.
func golden(t *testing.T, name string, current []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "released", name)
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, current, 0o600))
	}
	record, err := os.ReadFile(path)
	require.NoError(t, err)
	return record
}
