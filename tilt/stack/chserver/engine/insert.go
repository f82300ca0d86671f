package engine

import (
	"context"
	"strings"
	"unsafe"
)

// Insert is an INSERT whose rows follow it.
type Insert struct {
	// Into is the statement up to the columns: "INSERT INTO t (a, b)".
	Into string
	// Clause is the statement's own SETTINGS clause without that word, such
	// as "max_threads = 1"; it wins over Settings.
	Clause string
	// Format is the input format of the rows.
	Format     string
	Parameters []Parameter
	Settings   []Setting
}

// InsertStream takes the rows of an INSERT.
type InsertStream struct {
	session  *Session
	handle   unsafe.Pointer
	stopKill func()
}

// Insert starts an INSERT. The stream must be ended with Done or Cancel. Rows
// may be stored from the first block on, each block whole per partition. When
// ctx ends, the INSERT is cancelled.
func (s *Session) Insert(ctx context.Context, insert Insert) (*InsertStream, error) {
	if !s.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	clause, err := s.clause(insert)
	if err != nil {
		s.busy.Store(false)
		return nil, err
	}
	l := s.engine.library
	stream := &InsertStream{session: s, stopKill: s.killWhenDone(ctx)}
	stream.handle = s.call(l.insertStream, Query{SQL: insert.Into + clause, Format: insert.Format, Parameters: insert.Parameters})
	if text := l.insertError(stream.handle); text != "" {
		stream.close()
		return nil, parseException(text)
	}
	return stream, nil
}

// clause returns the SETTINGS clause of the statement; of two assignments the
// engine takes the second.
func (s *Session) clause(insert Insert) (string, error) {
	var assignments []string
	for _, setting := range s.known(insert.Settings) {
		if !isWord(setting.Name) {
			return "", unknownSetting(setting.Name)
		}
		assignments = append(assignments, setting.Name+" = "+Quote(setting.Value))
	}
	if insert.Clause != "" {
		assignments = append(assignments, insert.Clause)
	}
	if len(assignments) == 0 {
		return "", nil
	}
	return " SETTINGS " + strings.Join(assignments, ", "), nil
}

// Write hands rows to the engine, which copies them; it blocks while the
// engine is behind. After an error only Done and Cancel may be called, and
// Done says what is wrong.
func (i *InsertStream) Write(rows []byte) (int, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	if i.handle == nil {
		return 0, errInsertEnded
	}
	l := i.session.engine.library
	if l.insertAppend(i.handle, unsafe.Pointer(&rows[0]), uint64(len(rows))) != 0 { //nolint:gosec // the library copies them
		return 0, errInsertEnded
	}
	return len(rows), nil
}

// errInsertEnded says that a stream takes nothing more; why, says Done.
var errInsertEnded = &Exception{Code: codeStandard, Name: "STD_EXCEPTION", Message: "the INSERT has ended"}

// Done says that there are no more rows, and waits until all are stored.
func (i *InsertStream) Done() (Stats, error) {
	if i.handle == nil {
		return Stats{}, errInsertEnded
	}
	l := i.session.engine.library
	result := l.insertDone(i.handle)
	err := l.err(result)
	stats := Stats{WrittenRows: l.writtenRows(result), WrittenBytes: l.writtenBytes(result)}
	l.destroyResult(result)
	i.close()
	return stats, err
}

// Cancel ends the INSERT; blocks that were stored stay. It does nothing after
// Done.
func (i *InsertStream) Cancel() {
	if i.handle == nil {
		return
	}
	i.session.engine.library.insertCancel(i.handle)
	i.close()
}

func (i *InsertStream) close() {
	i.session.engine.library.destroyInsert(i.handle)
	i.handle = nil
	i.stopKill()
	i.session.busy.Store(false)
}
