package killtest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// The log of tokens rotates between the write of a token and the rename of its part,
// so that after a kill the token lies in the log before the newest: it is found there.
func TestKillBehindRotation(t *testing.T) {
	const window, rotates = 4, 2 * 4 // a log takes twice the window
	s := chtest.Start(t)
	s.Exec(fmt.Sprintf("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = %d", window))
	insert := func(batch int) error {
		_, err := s.Do(t.Context(), fmt.Sprintf("INSERT INTO t VALUES (%d)", batch),
			url.Values{"insert_deduplication_token": {strconv.Itoa(batch)}})
		return err
	}
	for batch := 1; batch < rotates; batch++ {
		require.NoError(t, insert(batch))
	}
	dirs, err := filepath.Glob(filepath.Join(s.Data, "store", "store", "*", "*", "deduplication_logs"))
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	// The engine counts its temporary directories from the start of the process.
	temporary := filepath.Join(filepath.Dir(dirs[0]), "tmp_insert_all_1_1_0")
	s.Restart(chtest.WithWrapper("strace", "-f", "-o", filepath.Join(t.TempDir(), "trace"), "-P", temporary+"/",
		"-e", "signal=none", "-e", "trace=rename", "-e", "inject=rename:signal=KILL"))
	require.Error(t, insert(rotates))
	<-s.Exited()

	full, err := os.ReadFile(filepath.Join(dirs[0], "deduplication_log_1.txt"))
	require.NoError(t, err)
	records := strings.Split(string(full), "\n")
	require.Contains(t, records[rotates-1], fmt.Sprintf("all_%d_%d_0", rotates, rotates))
	require.DirExists(t, temporary)
	newest, err := os.ReadFile(filepath.Join(dirs[0], "deduplication_log_2.txt"))
	require.NoError(t, err)
	require.Empty(t, newest)

	s.Restart(chtest.WithFlags("--repair"))
	require.NoError(t, insert(rotates))
	require.NoError(t, insert(rotates-1), "its token is still known")
	assert.Equal(t, fmt.Sprintf("%d\t%d", rotates, rotates), s.Query("SELECT count(), uniqExact(a) FROM t"))
}
