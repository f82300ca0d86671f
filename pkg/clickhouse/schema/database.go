package schema

import (
	"context"
	"errors"

	"github.com/nova-data/nova/pkg/clickhouse"
)

const (
	codeUnknownDatabase = 81
	// maintenanceDatabase exists on every server.
	maintenanceDatabase = "default"
)

// IsMissingDatabase reports whether a call failed because the pool's database
// does not exist.
func IsMissingDatabase(err error) bool {
	var failure *clickhouse.Error
	return errors.As(err, &failure) && failure.Code == codeUnknownDatabase
}

// CreateDatabase makes the database of connection, by way of the server's
// default one, if it does not exist.
func CreateDatabase(ctx context.Context, cfg Config, connection clickhouse.Config, deps clickhouse.Deps) error {
	target := renderer{Config: cfg, database: connection.Database}
	connection.Database = maintenanceDatabase
	pool, err := clickhouse.Open(connection, deps)
	if err != nil {
		return err
	}
	defer pool.Close()
	return pool.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+target.database+"`"+target.onCluster(), nil)
}
