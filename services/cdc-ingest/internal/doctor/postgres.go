package doctor

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Versions of PostgreSQL, as server_version_num.
const (
	oldest = 120_000
	// withLists has column lists and row filters in publications.
	withLists = 150_000
)

// postgresCheck looks at PostgreSQL.
type postgresCheck struct {
	area
	options Options
	// connector is the connector's configuration, nil if it is not known.
	connector map[string]string

	conn        *pgx.Conn
	version     int
	publication string
	// published are the tables of the schema public that the publication has.
	published map[string]publishedTable
}

func (p *postgresCheck) run(ctx context.Context, dsn string) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		p.fail("set POSTGRES_DSN to an address that answers", "cannot connect: %v", err)
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	p.conn = conn
	p.publication = cmp.Or(p.connector["publication.name"], p.options.Connector)
	for _, check := range []func(context.Context) error{p.checkServer, p.checkPublication, p.checkTables, p.checkSignals, p.checkSlot, p.checkRetention} {
		if err := check(ctx); err != nil {
			p.fail("grant the user of POSTGRES_DSN what it lacks", "cannot be read: %v", err)
		}
	}
}

func (p *postgresCheck) checkServer(ctx context.Context) error {
	var level, name string
	var isReplica bool
	err := p.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('wal_level'), pg_is_in_recovery()`).Scan(&p.version, &name, &level, &isReplica)
	if err != nil {
		return fmt.Errorf("reading the version: %w", err)
	}
	switch {
	case p.version < oldest:
		p.fail("upgrade PostgreSQL", "version %s is older than 12", name)
	default:
		p.ok("version %s", name)
	}
	if level == "logical" {
		p.ok("wal_level is logical")
	} else {
		p.fail("ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL", "wal_level is %s", level)
	}
	if isReplica {
		p.warn("point POSTGRES_DSN at the primary", "this is a replica: its slots are not the primary's")
	}
	return nil
}

// checkSignals looks for the table by whose rows an incremental snapshot is asked
// for.
func (p *postgresCheck) checkSignals(ctx context.Context) error {
	name := cmp.Or(p.connector["signal.data.collection"], "public.debezium_signal")
	var isThere, isPublished bool
	err := p.conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL, EXISTS (SELECT FROM pg_publication_tables
		WHERE pubname = $2 AND schemaname || '.' || tablename = $1)`, name, p.publication).Scan(&isThere, &isPublished)
	switch {
	case err != nil:
		return fmt.Errorf("reading the signalling table: %w", err)
	case !isThere:
		p.warn("CREATE TABLE "+name+" (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)); ALTER PUBLICATION "+
			identifier(p.publication)+" ADD TABLE "+name, "signalling table %s is missing: no gap can be filled by an incremental snapshot", name)
	case !isPublished:
		p.warn("ALTER PUBLICATION "+identifier(p.publication)+" ADD TABLE "+name,
			"signalling table %s is not in the publication: the connector does not see its rows", name)
	default:
		p.ok("signalling table %s is in the publication", name)
	}
	return nil
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }
