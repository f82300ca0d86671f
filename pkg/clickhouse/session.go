package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// session is one connection of the pool, lent to one caller: its statements run
// one after the other and see the same temporary tables.
type session struct {
	pool *Pool
	conn *connection
	// isOver is set while a statement runs and after one has failed.
	isOver bool
	// hasTables is set when there are temporary tables, which nobody else is to see.
	hasTables bool
}

// errOver is what statements get after one of their session has failed.
var errOver = errors.New("session has ended with an earlier error")

// session lends a connection, for which it waits the timeout at most; each of its
// statements has the timeout for itself. The error is that of use, or says that
// there was no connection, and is not classified then.
func (p *Pool) session(ctx context.Context, use func(*session) error) error {
	conn, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { <-p.permits }()
	s := &session{pool: p, conn: conn}
	defer s.end()
	return use(s)
}

// acquire takes a permit and a connection.
func (p *Pool) acquire(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(untraced(ctx), p.cfg.Timeout)
	defer cancel()
	select {
	case p.permits <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a free connection: %w", ctx.Err())
	}
	conn, err := p.connect(ctx)
	if err != nil {
		<-p.permits
		return nil, err
	}
	return conn, nil
}

func (s *session) end() {
	if s.isOver || s.hasTables {
		s.conn.close()
		return
	}
	s.pool.release(s.conn)
}

// do runs one statement within the timeout. After an error the session is over.
func (s *session) do(ctx context.Context, query ch.Query) error {
	return s.doWithin(ctx, s.pool.cfg.Timeout, query)
}

// doWithin is do with a timeout of its own.
func (s *session) doWithin(ctx context.Context, timeout time.Duration, query ch.Query) error {
	if s.isOver {
		return errOver
	}
	ctx, cancel := context.WithTimeout(untraced(ctx), timeout)
	defer cancel()
	s.isOver = true // also if a caller's function panics
	stop := context.AfterFunc(ctx, s.conn.socket.interrupt)
	err := s.conn.client.Do(ctx, query)
	isInterrupted := !stop()
	s.isOver = err != nil || isInterrupted
	if err != nil && ctx.Err() != nil && !ch.IsException(err) {
		return fmt.Errorf("at %s: %w", s.conn.address, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("at %s: %w", s.conn.address, err)
	}
	return nil
}

// exec runs a statement without a result. An error is an *Error.
func (s *session) exec(ctx context.Context, sql string) error {
	return s.query(ctx, sql, nil, func(*block.Reader) error { return nil })
}

// query is as Pool.Query.
func (s *session) query(ctx context.Context, sql string, parameters Parameters, each func(*block.Reader) error) error {
	started := time.Now()
	statement := s.pool.statement(sql, parameters, each)
	err := s.do(ctx, statement.query)
	return s.pool.finish(ctx, statement, started, err)
}

// insert stores a block under the settings. An error is an *Error.
func (s *session) insert(ctx context.Context, insert Insert, settings []ch.Setting) error {
	started := time.Now()
	err := s.do(ctx, ch.Query{
		Body:     "INSERT INTO " + s.pool.tableName(insert.Table) + " " + insert.Block.ColumnList() + " VALUES",
		Input:    insert.Block.Native(),
		Settings: settings,
	})
	return s.pool.inserted(ctx, insert, started, err)
}

// create makes a temporary table, gone with the session: "name AS …".
func (s *session) create(ctx context.Context, definition string) error {
	s.hasTables = true
	return s.exec(ctx, "CREATE TEMPORARY TABLE "+definition)
}

// fill stores a block in a temporary table. An error is an *Error.
func (s *session) fill(ctx context.Context, name string, rows *block.Block) error {
	started := time.Now()
	failure := classify("filling the temporary table "+name, s.do(ctx, ch.Query{
		Body:     "INSERT INTO " + name + " " + rows.ColumnList() + " VALUES",
		Input:    rows.Native(),
		Settings: plainSettings(s.pool.cfg.Timeout),
	}))
	s.pool.metrics.queried(ctx, time.Since(started), failure)
	return asError(failure)
}

// untraced hides a sampled span, for which the server would write its own log.
func untraced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.SpanContext{})
}
