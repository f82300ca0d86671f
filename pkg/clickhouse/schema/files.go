package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"text/template"
)

//go:embed sql
var embedded embed.FS

const directory = "sql"

// file is one migration.
type file struct {
	version  int
	name     string
	text     string
	checksum string
}

// Latest returns the version that the newest file brings.
func Latest() int {
	known, err := files()
	if err != nil {
		return 0
	}
	return len(known)
}

// files returns the migrations in order; their versions are 1, 2, 3 and so on.
func files() ([]file, error) {
	entries, err := embedded.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var found []file
	for _, entry := range entries {
		number, _, isNumbered := strings.Cut(entry.Name(), "_")
		version, err := strconv.Atoi(number)
		if !isNumbered || err != nil || path.Ext(entry.Name()) != ".sql" {
			continue
		}
		if version != len(found)+1 {
			return nil, fmt.Errorf("%s follows version %d", entry.Name(), len(found))
		}
		text, err := embedded.ReadFile(path.Join(directory, entry.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		found = append(found, file{version: version, name: entry.Name(), text: string(text), checksum: hex.EncodeToString(sum[:])})
	}
	return found, nil
}

// renderer turns a file into the statements for one installation.
type renderer struct {
	Config
	database string
}

// statements renders text and splits it: a statement ends with ";" at the end of
// a line. Comments are left out.
func (r renderer) statements(name, text string) ([]string, error) {
	parsed, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{
		"table":               r.table,
		"name":                r.name,
		"engine":              r.engine,
		"engineOnAllShards":   r.engineOnAllShards,
		"deduplicationWindow": r.deduplicationWindow,
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", name, err)
	}
	var rendered strings.Builder
	if err := parsed.Execute(&rendered, r); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	var lines []string
	for line := range strings.Lines(rendered.String()) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	var statements []string
	for part := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
		if statement := strings.TrimSpace(part); statement != "" {
			statements = append(statements, statement)
		}
	}
	return statements, nil
}

func (r renderer) isReplicated() bool { return r.Cluster != "" }

// name is a table's qualified name.
func (r renderer) name(table string) string { return "`" + r.database + "`.`" + table + "`" }

// table is a table's name where it is created or altered.
func (r renderer) table(table string) string { return r.name(table) + r.onCluster() }

func (r renderer) onCluster() string {
	if !r.isReplicated() {
		return ""
	}
	return " ON CLUSTER `" + r.Cluster + "`"
}

// engine is a MergeTree engine; its Replicated form takes the server's default
// path, which holds the table's UUID and the shard.
func (r renderer) engine(kind, arguments string) string {
	if r.isReplicated() {
		kind = "Replicated" + kind
	}
	return call(kind, arguments)
}

// engineOnAllShards is an engine of a small table of which every node of every
// shard is a replica.
func (r renderer) engineOnAllShards(table, kind, arguments string) string {
	if !r.isReplicated() {
		return r.engine(kind, arguments)
	}
	return call("Replicated"+kind, fmt.Sprintf("'/clickhouse/%s/%s', '{shard}_{replica}', %s", r.database, table, arguments))
}

func call(function, arguments string) string {
	if arguments == "" {
		return function
	}
	return function + "(" + arguments + ")"
}

// deduplicationWindow is the setting that makes a table remember the tokens of
// its last 100 000 parts, in Replicated form for a week.
func (r renderer) deduplicationWindow() string {
	if r.isReplicated() {
		return "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800"
	}
	return "non_replicated_deduplication_window = 100000"
}
