package clickhouse

import (
	"context"
	"time"

	"github.com/ClickHouse/ch-go"

	"github.com/nova-data/nova/pkg/failpoint"
)

// Storing is one block on its way. It belongs to one goroutine at a time.
type Storing struct {
	writer *Writer
	insert Insert
	key    []string
	// plannedAt is by the planner's clock, which need not be this one's.
	plannedAt time.Time
	// earliest is before the first attempt that anybody can have made, by this
	// process's clock.
	earliest time.Time
	// quietAt is when the last attempt that is not known to have ended must have
	// ended, by its time limit here and on the server.
	quietAt time.Time
	// isSettled is as in situation, and lasts from attempt to attempt.
	isSettled bool
	isDone    bool
}

// Begin prepares to store a block that was planned at plannedAt, perhaps by another
// member, who may have tried already and may still be trying. The key names the
// columns that tell the rows of a block apart: the table's sort key, without
// Nullable columns. The block must be the same, row for row, whenever it is tried
// again, and must not change meanwhile. Without a token the block is stored
// at each success, and neither plannedAt nor key matters.
func (w *Writer) Begin(insert Insert, plannedAt time.Time, key []string) *Storing {
	now := time.Now()
	age := max(0, now.Sub(plannedAt))
	return &Storing{
		writer: w, insert: insert, key: key, plannedAt: plannedAt,
		earliest: now.Add(-age - w.tolerance),
		quietAt:  now.Add(w.pool.attemptLimit()),
	}
}

// Try makes one attempt, and returns nil when every row of the block is in the
// table, exactly once, and has gone through its views; from then on it does
// nothing. After an error, an *Error or the breaker's, it is to be called again,
// for the same block.
//
// Where a token is not enough (see the package's comment), it waits for the time
// limit of earlier attempts and asks the table: then it can take twice
// Config.Timeout before it sends anything. The end of ctx ends it.
func (s *Storing) Try(ctx context.Context) error {
	if err := s.insert.check(); err != nil {
		return err
	}
	if s.isDone || s.insert.Block.Rows() == 0 {
		return nil
	}
	for {
		if err := s.awaitQuiet(ctx); err != nil {
			return err
		}
		mustSettle := false
		err := s.writer.call(ctx, "inserting into "+s.insert.Table, func(session *session) error {
			var err error
			mustSettle, err = s.attempt(ctx, session)
			return err
		})
		if err != nil {
			return err
		}
		if !mustSettle {
			s.isDone = true
			return nil
		}
		s.isSettled = true
		s.quietAt = time.Now().Add(s.writer.pool.attemptLimit())
	}
}

// attempt does what next says until the block is stored, or mustSettle.
func (s *Storing) attempt(ctx context.Context, session *session) (mustSettle bool, err error) {
	if s.insert.Token == "" {
		return false, session.insert(ctx, s.insert, plainSettings(s.writer.pool.cfg.Timeout))
	}
	now := situation{isOld: s.isOld(), isSettled: s.isSettled}
	if now.isRestarted, err = s.isRestarted(ctx, session); err != nil {
		return false, err
	}
	check := provenance{storing: s, session: session}
	for {
		switch next(now) {
		case insertBlock:
			if err := s.send(ctx, session, s.insert, s.settings()); err != nil {
				return false, err
			}
			now.isInserted, now.answer = true, unasked
		case askTable:
			if now.answer, err = check.ask(ctx, now); err != nil {
				return false, err
			}
		case insertMissing:
			return false, s.storeMissing(ctx, session, check.missing)
		case settle:
			return true, nil
		default:
			return false, nil
		}
	}
}

func (s *Storing) isOld() bool { return time.Since(s.plannedAt) > s.writer.cfg.MaxAge }

// isRestarted says whether the server is not the one that an earlier attempt can
// have met, and the table's engine does not make up for that.
func (s *Storing) isRestarted(ctx context.Context, session *session) (bool, error) {
	if start, err := session.serverStart(ctx); err != nil || start.Before(s.earliest) {
		return false, err
	}
	engine, err := session.engine(ctx, s.insert.Table)
	return isPlain(engine), err
}

func (s *Storing) settings() []ch.Setting {
	return tokenSettings(s.writer.pool.cfg.Timeout, s.insert.Token, !s.writer.deps.Failpoints.IsOff(failpoint.ViewDedup))
}

// storeMissing stores rows whose token the table knows without having them.
func (s *Storing) storeMissing(ctx context.Context, session *session, missing []int) error {
	s.writer.deps.Log.Warn("storing rows whose token ClickHouse knows but which it has lost; sums of views may now hold them twice",
		"table", s.insert.Table, "token", s.insert.Token, "rows", len(missing))
	rest := Insert{Table: s.insert.Table, Block: s.insert.Block.Select(missing)}
	return s.send(ctx, session, rest, plainSettings(s.writer.pool.cfg.Timeout))
}

// send inserts, and remembers until when that may be in flight.
func (s *Storing) send(ctx context.Context, session *session, insert Insert, settings []ch.Setting) error {
	err := session.insert(ctx, insert, settings)
	if failure := classified(err); failure != nil && failure.Code == 0 {
		s.quietAt = time.Now().Add(s.writer.pool.attemptLimit())
	}
	return err
}

// awaitQuiet waits, if the table is to be asked first, until no attempt is in
// flight: its answer would not hold otherwise.
func (s *Storing) awaitQuiet(ctx context.Context) error {
	rest := time.Until(s.quietAt)
	if s.insert.Token == "" || rest <= 0 || !s.isOld() && !s.isSettled {
		return nil
	}
	s.writer.deps.Log.Info("waiting for the end of earlier attempts before asking ClickHouse what it has of a batch",
		"table", s.insert.Table, "token", s.insert.Token, "for", rest)
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return classify("waiting for earlier attempts to end", ctx.Err())
	}
}
