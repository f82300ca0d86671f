package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// ErrBusy is returned when a Session is given a statement while another one
// has not been closed.
var ErrBusy = errors.New("session is busy with another statement")

// Engine is an open data directory.
type Engine struct {
	library  *library
	store    string
	lock     *os.File
	settings map[string]bool // names of the settings this version has
	defaults []Setting       // of every session
	version  string
	timezone string
	sessions atomic.Uint64

	controlMu sync.Mutex
	control   *Session // keeps the engine open, and cancels what others run
}

// Config says what to open.
type Config struct {
	// Library is the path of the shared library; see LibraryPath.
	Library string
	// DataDir is created when it is missing. One process can have it open.
	DataDir string
	// Database is created when it is missing.
	Database string
	// Settings hold in every session that does not say otherwise.
	Settings []Setting
	// Prepare, if not nil, is called with the directory of the engine's own
	// files when it belongs to this process and the engine has not seen it.
	Prepare func(store string) error
}

// Open opens a data directory. A process can have one Engine open.
//
// The working directory must be empty: the engine's database `default` shows
// its files as tables.
func Open(cfg Config) (*Engine, error) {
	lock, err := lockDirectory(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	e := &Engine{store: filepath.Join(cfg.DataDir, "store"), lock: lock, defaults: cfg.Settings}
	if err := e.open(cfg); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) open(cfg Config) (err error) {
	if cfg.Prepare != nil {
		if err := cfg.Prepare(e.store); err != nil {
			return fmt.Errorf("preparing data directory: %w", err)
		}
	}
	if e.library, err = load(cfg.Library); err != nil {
		return err
	}
	if e.control, err = e.connect(); err != nil {
		return err
	}
	return e.start(cfg.Database)
}

// lockDirectory takes the directory for this process; the lock goes with it,
// however it ends.
func lockDirectory(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("locking data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s, which another process may have open: %w", dir, err), file.Close())
	}
	return file, nil
}

func (e *Engine) start(database string) error {
	if err := e.control.run("CREATE DATABASE IF NOT EXISTS " + QuoteName(database)); err != nil {
		return fmt.Errorf("creating database %s: %w", database, err)
	}
	names, err := e.control.read("SELECT name FROM system.settings")
	if err != nil {
		return fmt.Errorf("reading the names of settings: %w", err)
	}
	e.settings = make(map[string]bool, len(names))
	for name := range strings.Lines(names) {
		e.settings[strings.TrimSuffix(name, "\n")] = true
	}
	facts, err := e.control.read("SELECT version(), timezone()")
	if err != nil {
		return fmt.Errorf("reading the version: %w", err)
	}
	e.version, e.timezone, _ = strings.Cut(strings.TrimSpace(facts), "\t")
	return nil
}

// Version is the engine's version, such as 26.7.2.1.
func (e *Engine) Version() string { return e.version }

// Timezone is the name of the engine's time zone.
func (e *Engine) Timezone() string { return e.timezone }

// Close closes the data directory. All sessions must have been closed.
func (e *Engine) Close() error {
	e.controlMu.Lock()
	defer e.controlMu.Unlock()
	if e.lock == nil {
		return nil
	}
	if e.control != nil {
		e.control.Close()
		e.control = nil
	}
	err := e.lock.Close()
	e.lock = nil
	if err != nil {
		return fmt.Errorf("unlocking data directory: %w", err)
	}
	return nil
}

// NewSession opens a session whose current database is database. The error is
// an *Exception with code 81 when there is no such database.
func (e *Engine) NewSession(database string) (*Session, error) {
	s, err := e.connect()
	if err != nil {
		return nil, err
	}
	if _, err := s.apply(e.defaults); err != nil {
		s.Close()
		return nil, err
	}
	for _, setting := range e.defaults {
		s.sets = append(s.sets, "SET "+setting.Name+" = "+Quote(setting.Value))
	}
	// The comment is how a running statement of this session is found.
	for _, sql := range []string{"USE " + QuoteName(database), "SET log_comment = " + Quote(s.comment)} {
		if err := s.run(sql); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (e *Engine) connect() (*Session, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	program, _ := pin(&pinner, "chserver")
	path, _ := pin(&pinner, "--path="+e.store)
	argv := []unsafe.Pointer{program, path}
	handle := e.library.connect(int32(len(argv)), array(&pinner, argv))
	if handle == nil {
		return nil, fmt.Errorf("opening a session of the engine on %s: the engine gives no reason", e.store)
	}
	return &Session{
		engine:     e,
		handle:     handle,
		connection: *(*unsafe.Pointer)(handle),
		comment:    fmt.Sprintf("session-%d", e.sessions.Add(1)),
	}, nil
}

// kill asks the engine to end what the session with this comment runs. It
// returns before that has ended.
func (e *Engine) kill(comment string) error {
	e.controlMu.Lock()
	defer e.controlMu.Unlock()
	if e.control == nil {
		return nil
	}
	return e.control.run("KILL QUERY WHERE Settings['log_comment'] = " + Quote(comment) + " ASYNC")
}
