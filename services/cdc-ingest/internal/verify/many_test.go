package verify_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

// manyRows is how many rows hide the one that differs: VERIFY_ROWS: 200 000 by default, and
// a million in the long suite.
func manyRows(t *testing.T) int {
	t.Helper()
	text := os.Getenv("VERIFY_ROWS")
	if text == "" {
		return 200_000
	}
	rows, err := strconv.Atoi(text)
	require.NoError(t, err, "VERIFY_ROWS")
	return rows
}

// One value among many rows that differs is found, by its key, its column and
// both values, and nothing else is.
func TestFindsOneAmongMany(t *testing.T) {
	s := newSides(t)
	rows := manyRows(t)
	s.fill(rows)
	const ours = "images/77777.jpg"
	theirs := "images/0.jpg"
	var id string
	require.NoError(t, s.conn.QueryRow(t.Context(), "SELECT id::text FROM posts WHERE image_key = $1", ours).Scan(&id))
	s.clickhouse.Exec("INSERT INTO posts SELECT * REPLACE ('" + theirs + "' AS image_key, 16 AS version) FROM posts WHERE id = '" + id + "'")

	started := time.Now()
	report := s.verify(settle, "posts")
	t.Logf("%d rows in %s", rows, time.Since(started))
	assert.False(t, report.IsEqual())
	found := report.Tables[0]
	assert.Equal(t, int64(rows), found.SourceRows)
	assert.Equal(t, int64(rows), found.StoredRows)
	assert.Equal(t, int64(1), found.Differences)
	assert.Equal(t, []verify.Difference{{Key: id, Columns: []verify.ColumnDifference{
		{Name: "image_key", Source: pointer(ours), Stored: &theirs},
	}}}, found.Examples)
}

func pointer(text string) *string { return &text }
