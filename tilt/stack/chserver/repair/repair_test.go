package repair

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	eventsDir = "store/ca0/ca00a27b-1f37-4f58-a5fb-0372032724b9"
	viewDir   = "store/6cd/6cdf9ccf-39c0-4994-b770-3fa4b1535bf8"
)

// newData lays out a data directory as the engine does: a base table with a token
// without a part in its older log, a view target in order, a table without
// de-duplication, the directory of a database's metadata.
func newData(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	for _, dir := range []string{
		eventsDir + "/202601_1_4_1_7", eventsDir + "/202602_5_5_0", eventsDir + "/tmp_insert_202601_3_3_0",
		eventsDir + "/detached/202601_6_6_0", eventsDir + "/deduplication_logs",
		viewDir + "/all_1_1_1", viewDir + "/deduplication_logs",
		"store/0ab/0ab00000-0000-0000-0000-000000000000/all_1_1_0",
		"store/ad2/ad272c6c-0540-4593-96b2-be8f318b9731", "data/nova", "metadata/nova",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(data, dir), 0o700))
	}
	for path, content := range map[string]string{
		eventsDir + "/format_version.txt":                          "1",
		eventsDir + "/deduplication_logs/deduplication_log_9.txt":  "1\t202601_2_2_0\t202601_b\n1\t202601_6_6_0\t202601_c\n",
		eventsDir + "/deduplication_logs/deduplication_log_10.txt": "1\t202602_5_5_0\t202602_d\n1\t202601_",
		viewDir + "/deduplication_logs/deduplication_log_1.txt":    "1\tall_1_1_1\tall_a\n",
		"store/stray.txt": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(data, path), []byte(content), 0o640))
	}
	require.NoError(t, os.Symlink("../../"+eventsDir, filepath.Join(data, "data/nova/post_events")))
	require.NoError(t, os.Symlink("../../store/fff/gone", filepath.Join(data, "data/nova/dropped")))
	return data
}

func contents(t *testing.T, data, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(data, path))
	require.NoError(t, err)
	return string(content)
}

// A repair removes the orphans of every log of a table and what is cut short, names
// the table in one log line, and touches no other file.
func TestRun(t *testing.T) {
	data := newData(t)
	var logged bytes.Buffer
	results, err := Run(data, slog.New(slog.NewTextHandler(&logged, nil)))
	require.NoError(t, err)
	assert.Equal(t, []Result{{
		Table: "nova.post_events", Orphans: []Token{{"202601_6_6_0", "202601_c"}}, Unreadable: 1,
	}}, results)
	assert.Equal(t, "1\t202601_2_2_0\t202601_b\n", contents(t, data, eventsDir+"/deduplication_logs/deduplication_log_9.txt"))
	assert.Equal(t, "1\t202602_5_5_0\t202602_d\n", contents(t, data, eventsDir+"/deduplication_logs/deduplication_log_10.txt"))
	assert.Equal(t, "1\tall_1_1_1\tall_a\n", contents(t, data, viewDir+"/deduplication_logs/deduplication_log_1.txt"))
	assert.Equal(t, 1, bytes.Count(logged.Bytes(), []byte("\n")))
	assert.Contains(t, logged.String(), "table=nova.post_events")
	assert.NoFileExists(t, filepath.Join(data, eventsDir, "tmp_deduplication_log"))
	info, err := os.Stat(filepath.Join(data, eventsDir, "deduplication_logs/deduplication_log_9.txt"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

// Repairing what is already repaired changes nothing and says nothing.
func TestRunAgain(t *testing.T) {
	data := newData(t)
	_, err := Run(data, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	log := filepath.Join(data, eventsDir, "deduplication_logs/deduplication_log_9.txt")
	before, err := os.Stat(log)
	require.NoError(t, err)
	results, err := Run(data, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.Empty(t, results)
	after, err := os.Stat(log)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "the log was written again")
}

// A first start finds no directory, or an empty one, and needs no repair.
func TestRunWithoutData(t *testing.T) {
	for _, data := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent")} {
		results, err := Run(data, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		assert.Empty(t, results)
	}
}

// A temporary file that a kill during an earlier repair left is no obstacle, and a
// data directory may have any name.
func TestRunAfterKill(t *testing.T) {
	data := filepath.Join(t.TempDir(), `a*[b]?\c`)
	require.NoError(t, os.Rename(newData(t), data))
	leftover := filepath.Join(data, eventsDir, "tmp_deduplication_log")
	require.NoError(t, os.WriteFile(leftover, bytes.Repeat([]byte("x"), 1000), 0o600))
	results, err := Run(data, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.Len(t, results, 1)
	assert.Equal(t, "1\t202601_2_2_0\t202601_b\n", contents(t, data, eventsDir+"/deduplication_logs/deduplication_log_9.txt"))
	assert.NoFileExists(t, leftover)
}

// A log that cannot be read stops the start: an engine that opened the data now
// could lose a batch.
func TestRunReportsError(t *testing.T) {
	data := newData(t)
	log := filepath.Join(data, eventsDir, "deduplication_logs/deduplication_log_11.txt")
	require.NoError(t, os.Mkdir(log, 0o700))
	_, err := Run(data, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "repairing table nova.post_events")
}
