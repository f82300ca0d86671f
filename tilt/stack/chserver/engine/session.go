package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// Session is a connection to the engine. See the package's comment for what
// may run at the same time.
type Session struct {
	engine     *Engine
	handle     unsafe.Pointer // what connect returned, and closeConnection wants
	connection unsafe.Pointer // what all other functions want
	comment    string
	busy       atomic.Bool
	closed     bool
	sets       []string // successful SET statements, in order
}

// Setting is a setting for one statement.
type Setting struct {
	Name, Value string
	// Important makes an unknown name an error (code 115); otherwise the
	// setting is ignored.
	Important bool
}

// Parameter is the value of a {name:Type} placeholder, in the escaped text
// form of that type.
type Parameter struct {
	Name, Value string
}

// Query is a statement other than an INSERT whose rows follow it.
type Query struct {
	SQL string
	// Format is the output format where the text has no FORMAT clause.
	Format     string
	Parameters []Parameter
	Settings   []Setting
	// Stream gives the rows of a SELECT as they come, each chunk being a
	// whole document of the format: right for Native, wrong for a format that
	// has a head or a foot, such as JSON. Otherwise the whole result is built
	// in memory first.
	Stream bool
}

// Query starts a statement. The result must be closed before the next one.
// Settings hold for this statement alone. When ctx ends, the statement is
// cancelled and the result ends with an *Exception of code 394; one that sets
// log_comment, by which it is found, runs to its end.
func (s *Session) Query(ctx context.Context, q Query) (*Result, error) {
	if !s.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	set, err := s.apply(q.Settings)
	if err != nil {
		s.restore(set)
		s.busy.Store(false)
		return nil, err
	}
	r := &Result{session: s, set: set, stopKill: s.killWhenDone(ctx)}
	if err := r.start(q); err != nil {
		r.Close()
		return nil, err
	}
	if isSet(q.SQL) {
		s.sets = append(s.sets, q.SQL)
	}
	return r, nil
}

// Exec runs a statement and drops its result.
func (s *Session) Exec(ctx context.Context, sql string) error {
	r, err := s.Query(ctx, Query{SQL: sql, Format: "Null"})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Text runs a statement and returns its result as tab-separated text.
func (s *Session) Text(ctx context.Context, sql string) (string, error) {
	r, err := s.Query(ctx, Query{SQL: sql, Format: "TSVRaw"})
	if err != nil {
		return "", err
	}
	defer r.Close()
	var text strings.Builder
	if _, err := r.WriteTo(&text); err != nil {
		return "", err
	}
	return text.String(), nil
}

// Close ends the session. Its statement must have been closed.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.engine.library.closeConnection(s.handle)
}

// apply sets the settings that the engine knows, or must know, and returns
// their names.
func (s *Session) apply(settings []Setting) ([]string, error) {
	var names, assignments []string
	for _, setting := range s.known(settings) {
		if !isWord(setting.Name) {
			return nil, unknownSetting(setting.Name)
		}
		names = append(names, setting.Name)
		assignments = append(assignments, setting.Name+" = "+Quote(setting.Value))
	}
	if len(names) == 0 {
		return nil, nil
	}
	return names, s.run("SET " + strings.Join(assignments, ", "))
}

// known leaves out unknown settings which are not important.
func (s *Session) known(settings []Setting) []Setting {
	var known []Setting
	for _, setting := range settings {
		if setting.Important || s.engine.settings[setting.Name] {
			known = append(known, setting)
		}
	}
	return known
}

// restore takes settings of one statement back: to the default, and then to
// what the session's own SET statements made of them.
func (s *Session) restore(names []string) {
	if len(names) == 0 {
		return
	}
	if s.run("SET "+strings.Join(names, " = DEFAULT, ")+" = DEFAULT") != nil {
		// One name is unknown, of which apply has told; the others may have
		// been set before it was noticed.
		for _, name := range names {
			_ = s.run("SET " + name + " = DEFAULT")
		}
	}
	for _, sql := range append([]string{"SET log_comment = " + Quote(s.comment)}, s.sets...) {
		_ = s.run(sql) // as it did before
	}
}

// run executes a short statement of the package's own, without a result.
func (s *Session) run(sql string) error {
	_, err := s.read(sql)
	return err
}

// read executes a short statement of the package's own and returns its result
// as tab-separated text. It does not ask whether the session is busy.
func (s *Session) read(sql string) (string, error) {
	l := s.engine.library
	result := s.call(l.query, Query{SQL: sql, Format: "TSVRaw"})
	defer l.destroyResult(result)
	if err := l.err(result); err != nil {
		return "", err
	}
	return string(l.content(result)), nil
}

// killWhenDone cancels what the session runs when ctx ends, again and again
// until the returned function is called: a statement that has not reached the
// engine's process list yet cannot be found there.
func (s *Session) killWhenDone(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		retry := time.NewTicker(10 * time.Millisecond)
		defer retry.Stop()
		for {
			if err := s.engine.kill(s.comment); err != nil {
				return
			}
			select {
			case <-ended:
				return
			case <-retry.C:
			}
		}
	}()
	return func() {
		close(ended)
		<-finished
	}
}

type queryFunction = func(connection, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64, names, nameLens, values, valueLens unsafe.Pointer, count uint64) unsafe.Pointer

// call hands a statement and its parameters to one of the library's functions
// that take them.
func (s *Session) call(function queryFunction, q Query) unsafe.Pointer {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	count := len(q.Parameters)
	names, nameLens := make([]unsafe.Pointer, count+1), make([]uint64, count+1)
	values, valueLens := make([]unsafe.Pointer, count+1), make([]uint64, count+1)
	for i, parameter := range q.Parameters {
		names[i], nameLens[i] = pin(&pinner, parameter.Name)
		values[i], valueLens[i] = pin(&pinner, parameter.Value)
	}
	sql, sqlLen := pin(&pinner, q.SQL)
	format, formatLen := pin(&pinner, q.Format)
	return function(s.connection, sql, sqlLen, format, formatLen,
		array(&pinner, names), array(&pinner, nameLens), array(&pinner, values), array(&pinner, valueLens), uint64(count))
}

// pin returns a text as the library takes it, at an address that stays. The
// library refuses null addresses, also of empty texts.
func pin(pinner *runtime.Pinner, text string) (address unsafe.Pointer, length uint64) {
	return array(pinner, append([]byte(text), 0)), uint64(len(text))
}

// array returns the address of the first of values, which stay there.
func array[T any](pinner *runtime.Pinner, values []T) unsafe.Pointer {
	pinner.Pin(&values[0])
	return unsafe.Pointer(&values[0]) //nolint:gosec // pinned until the library returns
}

func unknownSetting(name string) error {
	return &Exception{Code: 115, Name: "UNKNOWN_SETTING", Message: fmt.Sprintf("Unknown setting '%s'", name)}
}

func isSet(sql string) bool {
	fields := strings.Fields(sql)
	return len(fields) > 1 && strings.EqualFold(fields[0], "SET")
}

// isWord reports whether name can stand in SQL as it is.
func isWord(name string) bool {
	for _, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return name != ""
}
