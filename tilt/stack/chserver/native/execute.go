package native

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// execute runs a statement whose rows, if any, go to the client.
func (r *run) execute(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := r.watch(cancel)
	err := r.stream(ctx)
	watch.stop()
	switch {
	case watch.err != nil:
		return watch.err
	case watch.cancelled && isException(err):
		return r.endOfStream()
	case err != nil:
		return err
	}
	return r.endOfStream()
}

func isException(err error) bool {
	var exception *engine.Exception
	return errors.As(err, &exception)
}

// stream executes the statement and sends its blocks as they come.
func (r *run) stream(ctx context.Context) error {
	sql := r.query.body
	if _, ok := statement.ParseInsert(sql); !ok {
		sql = statement.WithoutFormat(sql)
	}
	result, err := r.session.Query(ctx, engine.Query{
		SQL: sql, Format: "Native", Parameters: r.query.parameters, Settings: r.query.settings, Stream: true,
	})
	if err != nil {
		return err
	}
	defer result.Close()
	answer := answerBlocks{run: r}
	for {
		chunk, err := result.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := answer.send(chunk); err != nil {
			return err
		}
		r.progress(result.Stats())
		if err := r.out.flush(); err != nil {
			return err
		}
	}
	stats := result.Stats()
	result.Close()
	if answer.blocks == 0 {
		if err := r.sendEmpty(ctx, sql); err != nil {
			return err
		}
	}
	r.progress(stats)
	r.out.profile(proto.Profile{Rows: answer.rows, Blocks: answer.blocks, Bytes: answer.bytes}, r.revision)
	return nil
}

// answerBlocks sends the blocks of a result, the first one with its header
// before it.
type answerBlocks struct {
	*run
	source              *bufio.Reader
	rows, blocks, bytes uint64
}

// send sends the blocks of a chunk.
func (a *answerBlocks) send(chunk []byte) error {
	rest := bytes.NewReader(chunk)
	if a.source == nil {
		a.source = bufio.NewReaderSize(rest, 1<<16)
	} else {
		a.source.Reset(rest)
	}
	for rest.Len() > 0 || a.source.Buffered() > 0 {
		var header block.Header
		var err error
		a.run.rows, header, err = a.reframer.FromEngine(a.run.rows[:0], a.source)
		if err != nil {
			return unframeable(err)
		}
		if a.blocks == 0 {
			if err := a.out.block(a.reframer.AppendHeader(nil, header.Columns)); err != nil {
				return err
			}
		}
		if err := a.out.block(a.run.rows); err != nil {
			return err
		}
		a.blocks++
		a.rows += uint64(header.Rows)
		a.bytes += uint64(len(a.run.rows))
	}
	return nil
}

// unframeable is the exception for a result that cannot be sent.
func unframeable(err error) error {
	var unsupported *block.UnsupportedTypeError
	if errors.As(err, &unsupported) {
		return &engine.Exception{Code: int32(proto.ErrNotImplemented), Name: "NOT_IMPLEMENTED", Message: unsupported.Error()}
	}
	return logicalError(fmt.Errorf("result cannot be read: %w", err))
}

// logicalError is the exception for what the engine should not have done.
func logicalError(err error) error {
	return &engine.Exception{Code: int32(proto.ErrLogicalError), Name: "LOGICAL_ERROR", Message: err.Error()}
}

// sendEmpty sends the header of a SELECT without rows, of which the engine
// says nothing.
func (r *run) sendEmpty(ctx context.Context, sql string) error {
	if !statement.IsSelect(sql) {
		return nil
	}
	columns, err := r.describe(ctx, "("+sql+")")
	if err != nil {
		return err
	}
	return r.out.block(r.reframer.AppendHeader(nil, columns.all))
}

// description is the columns of a table or SELECT.
type description struct {
	all        []block.Column
	insertable []block.Column // without those that are computed
}

// describe asks the engine for columns.
func (r *run) describe(ctx context.Context, target string) (description, error) {
	result, err := r.session.Query(ctx, engine.Query{
		SQL: "DESCRIBE TABLE " + target + " SETTINGS describe_compact_output = 0, describe_include_subcolumns = 0", Format: "JSONCompactEachRow", Parameters: r.query.parameters,
	})
	if err != nil {
		return description{}, err
	}
	defer result.Close()
	var lines bytes.Buffer
	if _, err := result.WriteTo(&lines); err != nil {
		return description{}, err
	}
	var d description
	for decoder := json.NewDecoder(&lines); decoder.More(); {
		var fields []string // name, type, kind of default, …
		if err := decoder.Decode(&fields); err != nil || len(fields) < 3 {
			return d, logicalError(fmt.Errorf("columns of %s cannot be read: %w", target, err))
		}
		column := block.Column{Name: fields[0], Type: fields[1]}
		d.all = append(d.all, column)
		if fields[2] != "MATERIALIZED" && fields[2] != "ALIAS" {
			d.insertable = append(d.insertable, column)
		}
	}
	return d, nil
}
