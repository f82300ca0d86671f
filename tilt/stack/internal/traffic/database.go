package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

const (
	connectTimeout     = 5 * time.Second
	transactionTimeout = 20 * time.Second
)

// database plays the changes into PostgreSQL.
type database struct {
	server  *pgx.ConnConfig
	users   int
	pace    pacer
	planner *planner
	ledger  *Ledger
	log     *slog.Logger
}

// run makes changes until ctx ends, connecting again whenever the connection
// ends. Its error is one that no new connection cures.
func (d *database) run(ctx context.Context) error {
	var wait backoff
	told := false
	for ctx.Err() == nil {
		before := d.ledger.Counters().Commits
		err := d.session(ctx)
		if ctx.Err() == nil && !transient(err) {
			return fmt.Errorf("changing PostgreSQL: %w", err)
		}
		if d.ledger.Counters().Commits != before {
			wait.reset()
			told = false
		}
		if ctx.Err() == nil && !told {
			d.log.Warn("changes to PostgreSQL are interrupted, connecting again until they go on", "error", err)
			told = true
		}
		_ = pace.Pause(ctx, wait.delay())
	}
	return nil
}

// session is one connection: what is there is read, so a transaction whose
// outcome the last one did not learn is known now.
func (d *database) session(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, d.server)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := d.load(ctx, conn); err != nil {
		return err
	}
	if err := d.populate(ctx, conn); err != nil {
		return err
	}
	for {
		c := d.planner.next()
		if err := d.pace.wait(ctx, len(c.statements)); err != nil {
			return err
		}
		if err := d.play(ctx, conn, c); err != nil {
			return err
		}
	}
}

// populate signs up the first users, before anything else.
func (d *database) populate(ctx context.Context, conn *pgx.Conn) error {
	for len(d.planner.world.users) < d.users && ctx.Err() == nil {
		c, _ := d.planner.signUp()
		c.kind = "sign up"
		if err := d.play(ctx, conn, c); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// play runs c as one transaction, which the end of ctx does not cut off.
func (d *database) play(ctx context.Context, conn *pgx.Conn, c change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	rows := make([]int64, len(c.statements))
	var total int64
	for i, s := range c.statements {
		tag, err := tx.Exec(ctx, s.sql, s.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
		rows[i] = tag.RowsAffected()
		total += rows[i]
	}
	if c.rollback {
		if err := tx.Rollback(ctx); err != nil {
			return fmt.Errorf("rolling back: %w", err)
		}
		return nil
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	d.ledger.committed(total)
	if c.applied != nil {
		c.applied(rows)
	}
	return nil
}

// transient reports whether a new connection, which reads the world anew, may
// cure err. Of PostgreSQL's own errors these are lost connections, constraints
// (someone else changed the data), conflicts, resources, intervention by an
// operator, and system errors.
func transient(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return true
	}
	switch answer.Code[:2] {
	case "08", "23", "40", "53", "55", "57", "58", "XX":
		return true
	default:
		return false
	}
}
