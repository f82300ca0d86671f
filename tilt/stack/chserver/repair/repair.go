package repair

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// Result is what was removed from the logs of one table.
type Result struct {
	// Table is database.table, or the name of the directory for a table that no
	// database holds any more.
	Table string
	// Orphans are the tokens whose part is missing, oldest first.
	Orphans []Token
	// Unreadable is the number of lines that were cut short.
	Unreadable int
}

// Run repairs the deduplication logs of every table in the engine's directory data
// and returns, and logs at Warn, a Result for each table that needed it. No engine
// may have the directory open. A directory that does not exist needs nothing.
func Run(data string, log *slog.Logger) ([]Result, error) {
	tables, err := findTables(data)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, t := range tables {
		result, err := t.repair()
		if err != nil {
			return results, fmt.Errorf("repairing table %s: %w", t.name, err)
		}
		if len(result.Orphans) == 0 && result.Unreadable == 0 {
			continue
		}
		log.Warn("removed tokens without a part", "table", result.Table,
			"tokens", result.Orphans, "unreadable_lines", result.Unreadable)
		results = append(results, result)
	}
	return results, nil
}

// repair cleans the logs of t and replaces those that changed.
func (t table) repair() (Result, error) {
	logs, err := t.readLogs()
	if err != nil || len(logs) == 0 {
		return Result{}, err
	}
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return Result{}, fmt.Errorf("listing parts: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	contents := make([][]byte, len(logs))
	for i, log := range logs {
		contents[i] = log.content
	}
	out := clean(contents, newCoverage(names))
	for i, log := range logs {
		if len(out.logs[i]) == len(log.content) {
			continue
		}
		if err := t.replace(log, out.logs[i]); err != nil {
			return Result{}, fmt.Errorf("replacing %s: %w", filepath.Base(log.path), err)
		}
	}
	return Result{Table: t.name, Orphans: out.orphans, Unreadable: out.unreadable}, nil
}

// replace gives a log its new content in one step. The temporary file lies in the
// table's directory, where the engine passes over it: beside the logs any other
// name makes it abort. One left by a kill is overwritten.
func (t table) replace(log logFile, content []byte) error {
	temporary := filepath.Join(t.dir, "tmp_deduplication_log")
	if err := writeSynced(temporary, content, log.mode); err != nil {
		return err
	}
	if err := os.Rename(temporary, log.path); err != nil {
		return err
	}
	return syncDirs(filepath.Dir(log.path), t.dir)
}

// writeSynced writes a file and waits until it is on disk.
func writeSynced(path string, content []byte, mode os.FileMode) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode) //nolint:gosec // below the data directory
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err = file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}

// syncDirs waits until the entries of the directories are on disk.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		file, err := os.Open(dir) //nolint:gosec // below the data directory
		if err != nil {
			return err
		}
		err = file.Sync()
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("syncing directory: %w", err)
		}
	}
	return nil
}
