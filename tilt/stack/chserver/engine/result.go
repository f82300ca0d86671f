package engine

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"
)

// Stats are the amounts a statement has read and written so far. Rows written
// count those of dependent views, too.
type Stats struct {
	ResultRows, ResultBytes   uint64
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
}

// Result is the output of a statement, chunk by chunk.
type Result struct {
	session  *Session
	set      []string
	stopKill func()
	stream   unsafe.Pointer // nil for a statement that has its result at once
	chunk    unsafe.Pointer
	fetched  bool // chunk is still to be returned
	ended    bool
	closed   bool
	stats    Stats
}

// start executes the statement. The engine can only stream a SELECT: other
// statements are executed at once.
func (r *Result) start(q Query) error {
	l := r.session.engine.library
	if q.Stream {
		r.stream = r.session.call(l.streamQuery, q)
		err := l.err(r.stream)
		if err == nil {
			return nil
		}
		l.destroyResult(r.stream)
		r.stream = nil
		if !isStreamRefused(err) {
			return err
		}
	}
	r.chunk, r.fetched = r.session.call(l.query, q), true
	if err := l.err(r.chunk); err != nil {
		return err
	}
	r.count()
	return nil
}

func isStreamRefused(err error) bool {
	var exception *Exception
	return errors.As(err, &exception) && exception.Code == codeBadArgument && strings.HasPrefix(exception.Message, "Streaming query is not supported")
}

// Next returns the next chunk of the output, or io.EOF. The chunk is valid
// until the next call of a method.
func (r *Result) Next() ([]byte, error) {
	if r.ended || r.closed {
		return nil, io.EOF
	}
	if !r.fetched {
		if err := r.fetch(); err != nil {
			return nil, err
		}
	}
	r.fetched = false
	l := r.session.engine.library
	content := l.content(r.chunk)
	if r.stream == nil || len(content) == 0 {
		r.ended = true
	}
	if len(content) == 0 {
		return nil, io.EOF
	}
	return content, nil
}

func (r *Result) fetch() error {
	l := r.session.engine.library
	r.dropChunk()
	r.chunk = l.streamFetch(r.session.connection, r.stream)
	if err := l.err(r.chunk); err != nil {
		r.ended = true
		return err
	}
	r.count()
	return nil
}

func (r *Result) count() {
	l := r.session.engine.library
	r.stats.ResultRows += l.resultRows(r.chunk)
	r.stats.ResultBytes += l.resultBytes(r.chunk)
	r.stats.ReadRows += l.readRows(r.chunk)
	r.stats.ReadBytes += l.readBytes(r.chunk)
	r.stats.WrittenRows += l.writtenRows(r.chunk)
	r.stats.WrittenBytes += l.writtenBytes(r.chunk)
}

// Stats returns the amounts up to the last chunk.
func (r *Result) Stats() Stats { return r.stats }

// WriteTo writes all chunks that are left to w.
func (r *Result) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		chunk, err := r.Next()
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(chunk)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("writing result: %w", err)
		}
	}
}

// Close ends the statement, cancelling what is left of it, and frees the
// session for the next one.
func (r *Result) Close() {
	if r.closed {
		return
	}
	r.closed = true
	l := r.session.engine.library
	r.dropChunk()
	if r.stream != nil {
		if !r.ended {
			l.streamCancel(r.session.connection, r.stream)
		}
		l.destroyResult(r.stream)
		r.stream = nil
	}
	r.stopKill()
	r.session.restore(r.set)
	r.session.busy.Store(false)
}

func (r *Result) dropChunk() {
	if r.chunk != nil {
		r.session.engine.library.destroyResult(r.chunk)
		r.chunk = nil
	}
}
