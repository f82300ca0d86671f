package table_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// migrated returns a server with the schema, and a pool for it.
func migrated(t *testing.T) (*chtest.Server, *clickhouse.Pool) {
	t.Helper()
	server := chtest.Start(t)
	return server, servicetest.Migrate(t, server.Addr)
}

// What the connector wrote for each table, snapshot, updates, changes of keys,
// deletes and all, becomes the rows that PostgreSQL had at the end; tombstones
// hold keys and nothing else.
func TestCapturesBecomeRows(t *testing.T) {
	server, pool := migrated(t)
	for _, mapped := range table.All() {
		t.Run(mapped.Source, func(t *testing.T) {
			rows := mapped.NewRows(epochs())
			var refused strings.Builder
			for _, record := range cdctest.Capture(t, mapped.Source) {
				if record.Value == nil {
					continue
				}
				if err := appendTo(t, rows, record); err != nil {
					refused.WriteString(err.Error() + "\n")
				}
			}
			require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: mapped.Target, Block: rows.Block()}))
			got := "-- rows\n" + server.Query("SELECT * FROM "+mapped.Target+" FINAL ORDER BY id") +
				"\n-- tombstones\n" + server.Query("SELECT * FROM "+mapped.Target+" WHERE is_deleted = 1 ORDER BY id, version") +
				"\n-- refused\n" + refused.String()
			requireGolden(t, mapped.Source, got)
		})
	}
	for _, view := range []string{"user_relationships_current", "user_followers_current"} {
		t.Run(view, func(t *testing.T) {
			requireGolden(t, view, server.Query("SELECT * FROM "+view+" FINAL ORDER BY ALL")+
				"\n-- tombstones\n"+server.Query("SELECT * FROM "+view+" WHERE is_deleted = 1 ORDER BY ALL")+"\n")
		})
	}
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
