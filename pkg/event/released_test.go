package event_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
)

var update = flag.Bool("update", false, "add released records, what they say and their checksums; what is there stays")

const (
	releasedDir = "testdata/released"
	checksums   = "SHA256SUMS"
	wanted      = ".want" // beside each record: the event it is
)

// newestRecords is the records of the newest schema; those of older ones are files
// only.
func newestRecords() map[string][]byte {
	full, least := wholeEvent(), minimal()
	return map[string][]byte{
		"v2_whole.bin":   full.AppendProtobuf(nil),
		"v2_minimal.bin": least.AppendProtobuf(nil),
		"v2_whole.json":  []byte(whole + "\n"),
	}
}

// Every record of every release decodes for ever to what it said when it was
// released: protobuf by its header, JSON without one.
func TestReleasedRecordsDecode(t *testing.T) {
	for name, record := range newestRecords() {
		addReleased(t, name, record)
	}
	for _, name := range releasedFiles(t) {
		if name == checksums || strings.HasSuffix(name, wanted) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var contentType []byte
			if filepath.Ext(name) == ".bin" {
				contentType = []byte(event.ContentTypeProtobuf)
			}
			var got, want event.Event
			require.NoError(t, event.DecodeRecord(readReleased(t, name), contentType, &got))
			text, err := json.MarshalIndent(got, "", "  ")
			require.NoError(t, err)
			addReleased(t, name+wanted, append(text, '\n'))
			require.NoError(t, json.Unmarshal(readReleased(t, name+wanted), &want)) // fields added since are empty
			assert.Equal(t, want, got)
		})
	}
}

// What was released can be added to, and is never changed or removed: it stands
// for what lies in the topics of installations.
func TestReleasedFilesNeverChange(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(readReleased(t, checksums))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		want[name] = sum
	}
	for _, name := range releasedFiles(t) {
		if name != checksums {
			got[name] = checksum(readReleased(t, name))
		}
	}
	assert.Equal(t, want, got)
}

// addReleased writes a file that is not there.
func addReleased(t *testing.T, name string, content []byte) {
	t.Helper()
	path := filepath.Join(releasedDir, name)
	if _, err := os.Stat(path); !*update || err == nil {
		return
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	sums := append(readReleased(t, checksums), checksum(content)+"  "+name+"\n"...)
	require.NoError(t, os.WriteFile(filepath.Join(releasedDir, checksums), sums, 0o600))
}

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func readReleased(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(releasedDir, name))
	require.NoError(t, err)
	return content
}

func releasedFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(releasedDir)
	require.NoError(t, err)
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}
