package verify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// sortMemory is what PostgreSQL's sort may take before it goes to disk.
const sortMemory = "64MB"

// session makes the values' texts independent of how the server is set up, and lets
// a statement take its time.
const session = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex';
	SET extra_float_digits = 1; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET work_mem = '` + sortMemory + `'`

func connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	if _, err := conn.PgConn().Exec(ctx, session).ReadAll(); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("preparing the session of PostgreSQL: %w", err)
	}
	return conn, nil
}

// asTexts has PostgreSQL render every column by its output function.
func asTexts() pgx.QueryResultFormats { return pgx.QueryResultFormats{pgx.TextFormatCode} }

// sourceRows are the rows of a result. PostgreSQL makes them as they are read: a
// connection that is not read from holds it up.
type sourceRows struct{ rows pgx.Rows }

// openSource reads a table in the order of its key, in one snapshot. One statement
// is one snapshot: it needs no transaction.
func openSource(ctx context.Context, conn *pgx.Conn, p *plan) (*sourceRows, error) {
	// Without the table's name the key would be the column of the result, a text.
	key := identifier(p.source) + "." + identifier(p.keySource)
	rows, err := conn.Query(ctx, p.fromPostgres()+" ORDER BY "+p.order.postgres(key), asTexts())
	if err != nil {
		return nil, fmt.Errorf("reading from PostgreSQL: %w", err)
	}
	return &sourceRows{rows: rows}, nil
}

// next returns the next row, or nil behind the last.
func (s *sourceRows) next() (row, error) {
	if !s.rows.Next() {
		if err := s.rows.Err(); err != nil {
			return nil, fmt.Errorf("reading from PostgreSQL: %w", err)
		}
		return nil, nil
	}
	raw := s.rows.RawValues()
	texts, values := make([]string, len(raw)), make(row, len(raw))
	for i, value := range raw {
		if value != nil {
			texts[i] = string(value)
			values[i] = &texts[i]
		}
	}
	return values, nil
}

func (s *sourceRows) close() { s.rows.Close() }

// lookUpSource returns the rows of PostgreSQL that have one of the keys.
func lookUpSource(ctx context.Context, conn *pgx.Conn, p *plan, keys []string) (map[string]row, error) {
	sql := p.fromPostgres() + " WHERE " + identifier(p.keySource) + " = ANY($1::text[]::" + p.keySourceKind + "[])"
	rows, err := conn.Query(ctx, sql, asTexts(), keys)
	if err != nil {
		return nil, fmt.Errorf("reading keys from PostgreSQL: %w", err)
	}
	read := &sourceRows{rows: rows}
	defer read.close()
	found := make(map[string]row, len(keys))
	for {
		one, err := read.next()
		if err != nil || one == nil {
			return found, err
		}
		found[one.key()] = one
	}
}
