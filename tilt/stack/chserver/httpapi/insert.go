package httpapi

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

// errCut stands for a connection that a fault closes without an answer.
var errCut = errors.New("connection is cut by a fault")

// insert hands the rows of an INSERT to the engine as they arrive, and carries out
// the fault that is planned for it.
func (h *handler) insert(ctx context.Context, session *engine.Session, q request, a *answer) error {
	rule := h.Faults.Take(q.insert.Table)
	if err := h.strike(ctx, rule, fault.Before); err != nil {
		return err
	}
	stats, err := insertRows(ctx, session, q)
	if err != nil {
		return err
	}
	if err := h.strike(ctx, rule, fault.After); err != nil {
		return err
	}
	a.finish(stats)
	return nil
}

// insertRows stores the rows. When the body ends before its announced end, what the
// engine has not stored yet is dropped.
func insertRows(ctx context.Context, session *engine.Session, q request) (engine.Stats, error) {
	stream, err := session.Insert(ctx, engine.Insert{
		Into: q.insert.Into, Clause: q.insert.Settings, Format: q.insert.Format, Parameters: q.parameters, Settings: q.settings,
	})
	if err != nil {
		return engine.Stats{}, err
	}
	_, err = io.Copy(stream, q.rows)
	var exception *engine.Exception
	if err != nil && !errors.As(err, &exception) {
		stream.Cancel()
		return engine.Stats{}, bodyError(err)
	}
	return stream.Done() // after an exception, it says which
}

// strike carries out a fault if this is its moment.
func (h *handler) strike(ctx context.Context, rule fault.Rule, moment fault.Moment) error {
	switch {
	case rule.At(moment, fault.Exception):
		return &engine.Exception{Code: rule.Code, Name: "PLANNED_FAULT", Message: "A planned fault"}
	case rule.At(moment, fault.Cut):
		return errCut
	case rule.At(moment, fault.Exit):
		h.Exit()
	case rule.At(moment, fault.Delay):
		delay := time.NewTimer(rule.Delay())
		defer delay.Stop()
		select {
		case <-delay.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
