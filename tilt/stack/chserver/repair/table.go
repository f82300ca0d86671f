package repair

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// table is a directory that holds the parts of one table.
type table struct {
	dir  string
	name string
}

// logFile is one deduplication log.
type logFile struct {
	path    string
	number  uint64
	mode    fs.FileMode
	content []byte
}

// findTables lists the tables of a data directory: store/<3 digits>/<uuid>, named
// by the links data/<database>/<table>, which in an Ordinary database are the
// directories themselves.
func findTables(data string) ([]table, error) {
	stored, err := filepath.Glob(filepath.Join(escapeGlob(data), "store", "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("listing store: %w", err)
	}
	links, err := filepath.Glob(filepath.Join(escapeGlob(data), "data", "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("listing data: %w", err)
	}
	names := map[string]string{}
	for _, dir := range append(stored, links...) {
		target, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the link of a table that is being dropped
		}
		if err != nil {
			return nil, fmt.Errorf("resolving table: %w", err)
		}
		info, err := os.Stat(target)
		if err != nil {
			return nil, fmt.Errorf("resolving table: %w", err)
		}
		if info.IsDir() {
			names[target] = tableName(dir)
		}
	}
	tables := make([]table, 0, len(names))
	for _, dir := range slices.Sorted(maps.Keys(names)) {
		tables = append(tables, table{dir: dir, name: names[dir]})
	}
	return tables, nil
}

// escapeGlob makes a path match itself only.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// tableName joins the last two elements of a table's path.
func tableName(dir string) string {
	return filepath.Base(filepath.Dir(dir)) + "." + filepath.Base(dir)
}

// readLogs reads the deduplication logs of t in the order of their numbers, which
// is the engine's. A table without de-duplication has none.
func (t table) readLogs() ([]logFile, error) {
	dir := filepath.Join(t.dir, "deduplication_logs")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing logs: %w", err)
	}
	var logs []logFile
	for _, entry := range entries {
		number, ok := logNumber(entry.Name())
		if !ok {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading log: %w", err)
		}
		content, err := os.ReadFile(path) //nolint:gosec // below the data directory
		if err != nil {
			return nil, fmt.Errorf("reading log: %w", err)
		}
		logs = append(logs, logFile{path: path, number: number, mode: info.Mode().Perm(), content: content})
	}
	slices.SortFunc(logs, func(a, b logFile) int { return cmp.Compare(a.number, b.number) })
	return logs, nil
}

// logNumber reads N from deduplication_log_<N>.txt.
func logNumber(name string) (uint64, bool) {
	text, isLog := strings.CutPrefix(name, "deduplication_log_")
	text, isText := strings.CutSuffix(text, ".txt")
	number, err := strconv.ParseUint(text, 10, 64)
	return number, isLog && isText && err == nil
}
