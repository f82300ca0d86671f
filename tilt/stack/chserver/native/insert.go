package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// insert runs an INSERT whose blocks the client sends.
func (r *run) insert(ctx context.Context, insert statement.Insert) error {
	r.isRefused = true
	rule := r.deps.Faults.Take(insert.Table)
	if err := r.fault(ctx, rule, fault.Before); err != nil {
		return err
	}
	columns, err := r.insertColumns(ctx, insert)
	if err != nil {
		return err
	}
	stream, err := r.session.Insert(ctx, engine.Insert{
		Into: insert.Into, Clause: insert.Settings, Format: "Native", Parameters: r.query.parameters, Settings: r.query.settings,
	})
	if err != nil {
		return err
	}
	defer stream.Cancel()
	if err := r.out.block(r.reframer.AppendHeader(nil, columns)); err != nil {
		return err
	}
	if err := r.out.flush(); err != nil {
		return err
	}
	r.isRefused = false
	r.allRead = false // a client sends its blocks when it knows the columns
	if err := r.feed(stream, rule); errors.Is(err, errCancelled) {
		stream.Cancel()
		return r.endOfStream()
	} else if err != nil {
		return err
	}
	stats, err := stream.Done()
	if err != nil {
		return err
	}
	if err := r.fault(ctx, rule, fault.After); err != nil {
		return err
	}
	r.progress(stats)
	return r.endOfStream()
}

// feed hands the client's blocks to the engine, each whole.
func (r *run) feed(stream *engine.InsertStream, rule fault.Rule) error {
	for {
		if err := r.awaitData(); err != nil {
			return err
		}
		if err := r.cutBlock(rule); err != nil {
			return err
		}
		header, err := r.readBlock()
		if err != nil {
			return err
		}
		if header.IsEnd() {
			return nil
		}
		if header.Rows == 0 {
			continue
		}
		if _, err := stream.Write(r.rows); err != nil {
			_, reason := stream.Done()
			return cmp.Or(reason, err)
		}
	}
}

// insertColumns returns the columns that the client is to send.
func (r *run) insertColumns(ctx context.Context, insert statement.Insert) ([]block.Column, error) {
	known, err := r.describe(ctx, insert.Target)
	if err != nil {
		return nil, err
	}
	if insert.Expression == "*" || insert.Expression == "" && insert.Columns == nil {
		return known.insertable, nil
	}
	if insert.Expression != "" {
		return nil, &engine.Exception{
			Code: int32(proto.ErrNotImplemented), Name: "NOT_IMPLEMENTED",
			Message: fmt.Sprintf("Columns (%s) of an INSERT are not supported by the embedded server", insert.Expression),
		}
	}
	types := make(map[string]block.Column, len(known.all))
	for _, column := range known.all {
		types[column.Name] = column
	}
	var columns []block.Column
	for _, name := range insert.Columns {
		column, ok := types[name]
		if !ok {
			return nil, &engine.Exception{
				Code: int32(proto.ErrNoSuchColumnInTable), Name: "NO_SUCH_COLUMN_IN_TABLE",
				Message: fmt.Sprintf("No such column %s in table %s", name, insert.Target),
			}
		}
		columns = append(columns, column)
	}
	return columns, nil
}

// errCut ends a connection that a fault has cut.
var errCut = errors.New("connection cut by a planned fault")

// fault carries out what a rule says for this moment, except what must happen
// in the middle of a block.
func (r *run) fault(ctx context.Context, rule fault.Rule, moment fault.Moment) error {
	switch {
	case rule.At(moment, fault.Exception):
		return &engine.Exception{Code: rule.Code, Name: proto.Error(rule.Code).String(), Message: "Planned fault"}
	case rule.At(moment, fault.Delay):
		select {
		case <-time.After(rule.Delay()):
		case <-ctx.Done():
		}
	case moment == fault.After && rule.At(moment, fault.Cut):
		r.cut()
		return errCut
	case moment == fault.After && rule.At(moment, fault.Exit):
		r.deps.Exit()
	}
	return nil
}

// cutBlock carries out a rule that cuts the connection, or ends the process,
// when a part of the first block has been read.
func (r *run) cutBlock(rule fault.Rule) error {
	switch {
	case rule.At(fault.Before, fault.Cut):
		_, _ = r.in.Peek(4)
		r.cut()
		return errCut
	case rule.At(fault.Before, fault.Exit):
		_, _ = r.in.Peek(4)
		r.deps.Exit()
	}
	return nil
}

// cut resets the connection, so that the client does not take it for an end.
func (r *run) cut() {
	if tcp, ok := r.socket.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = r.socket.Close()
}
