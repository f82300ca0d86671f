package verify_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

// The text has a line for each table and each key, says how many it leaves out, and
// shows no more of a value than its beginning.
func TestWriteText(t *testing.T) {
	report := verify.Report{Tables: []verify.Table{
		{
			Name: "posts", SourceRows: 1_000_000, StoredRows: 999_999, Differences: 4, Seconds: 12.345,
			Examples: []verify.Difference{
				{Key: "a", Missing: "clickhouse"},
				{Key: "b", Missing: "postgresql"},
				{Key: "c", Columns: []verify.ColumnDifference{
					{Name: "caption", Source: pointer("line\n\"two\""), Stored: nil},
					{Name: "status", Source: pointer("draft"), Stored: pointer("")},
				}},
			},
			Changing: []string{"1", "2", "3", "4", "5", "6", "7"},
			Stopped:  "too many keys differ",
		},
		{Name: "likes", Error: "table is missing in ClickHouse: likes"},
	}}
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	assert.Equal(t, `TABLE  POSTGRESQL  CLICKHOUSE  DIFFERENCES  CHANGING  TIME
posts  1000000     999999      4            7         12.3s
likes  0           0           0            0         0s
posts a: missing in ClickHouse
posts b: only in ClickHouse
posts c: caption is "line\n\"two\"" in PostgreSQL, NULL in ClickHouse; status is "draft" in PostgreSQL, "" in ClickHouse
posts: 1 keys more
posts 1: kept changing; not counted as a difference
posts 2: kept changing; not counted as a difference
posts 3: kept changing; not counted as a difference
posts 4: kept changing; not counted as a difference
posts 5: kept changing; not counted as a difference
posts: 2 keys more that kept changing
posts: too many keys differ
likes: table is missing in ClickHouse: likes
`, text.String())
}

// A key that shows another difference at each look is named, and is no difference:
// the next look may be another. Long values are cut.
func TestKeyThatKeepsChanging(t *testing.T) {
	s := newSides(t)
	s.fill(2)
	long := strings.Repeat("ü", 100)
	s.clickhouse.Exec("INSERT INTO posts SELECT * REPLACE ('" + long + "' AS caption, 16 AS version) FROM posts WHERE image_key = 'images/2.jpg'")
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		for version := 16; ctx.Err() == nil; version += 8 {
			_, err := s.clickhouse.Do(context.WithoutCancel(ctx), fmt.Sprintf("INSERT INTO posts SELECT * REPLACE ('%d' AS caption, %d AS version) FROM posts FINAL "+
				"WHERE image_key = 'images/1.jpg'", version, version), nil)
			assert.NoError(t, err)
			<-time.After(settle / 20)
		}
	})
	defer writing.Wait()
	defer cancel()
	found := s.verify(2*settle, "posts").Tables[0]
	require.Len(t, found.Changing, 1)
	require.Len(t, found.Examples, 1)
	assert.NotEqual(t, found.Changing[0], found.Examples[0].Key)
	assert.Equal(t, strings.Repeat("ü", 40)+"… (200 bytes)", *found.Examples[0].Columns[0].Stored)
}
