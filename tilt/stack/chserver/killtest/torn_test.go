package killtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// A token that a kill cut short in the log costs no other token: what is inserted
// after it is known after the next start. Without the repair it is forgotten, and
// inserted twice.
func TestTornToken(t *testing.T) {
	for flag, want := range map[string]harm{"--repair=true": {}, "--repair=false": {doubled: 1}} {
		t.Run(flag, func(t *testing.T) {
			w := newWorkload(t, chtest.Start(t, chtest.WithFlags(flag)))
			require.NoError(t, w.insert(1))
			w.server.Kill()
			tearLogs(t, w.server.Data)
			w.server.Restart()
			require.NoError(t, w.insert(2))
			w.server.Restart()
			w.replay([]int{1, 2})
			table, view := w.check()
			assert.Equal(t, want, table, "in the table")
			assert.Equal(t, want, view, "in the view")
		})
	}
}

// tearLogs appends the beginning of a token to every deduplication log.
func tearLogs(t *testing.T, data string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(data, "store", "store", "*", "*", "deduplication_logs", "*.txt"))
	require.NoError(t, err)
	require.Len(t, logs, 2, "of the table and of the view")
	for _, path := range logs {
		log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = log.WriteString("1\t202601_99")
		require.NoError(t, err)
		require.NoError(t, log.Close())
	}
}
