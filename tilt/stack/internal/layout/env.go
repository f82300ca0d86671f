package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Variable is one shell variable.
type Variable struct{ Name, Value string }

// Variables returns everything that a user of the running stack may want to
// reach.
func (l Layout) Variables() []Variable {
	return []Variable{
		{"EVENTS_URL", l.URL(EventsPort)},
		{"JOBS_URL", l.URL(JobsPort)},
		{"CLICKHOUSE_HTTP", l.clickHouseHTTP},
		{"CLICKHOUSE_ADDR", l.ClickHouse.Addr},
		{"KAFKA_BROKERS", l.Kafka.Addr},
		{"CONNECT_URL", l.URL(ConnectPort)},
		{"POSTGRES_DSN", l.postgresDSN},
		{"REDIS_ADDR", l.Redis.Addr},
		{"CDC_INGEST_ADMIN", l.URL(CDCIngestAdmin)},
		{"EVENTS_INGEST_ADMIN", l.URL(EventsIngestAdmin)},
		{"INVALIDATOR_ADMIN", l.URL(InvalidatorAdmin)},
		{"JOBS_ADMIN", l.URL(JobsAdmin)},
		{"STATUS_URL", l.URL(StatusPort)},
		{"PORT_BASE", strconv.Itoa(l.portBase)},
	}
}

// Env returns the variables as a shell reads them, a line each.
func (l Layout) Env() string {
	var env strings.Builder
	for _, variable := range l.Variables() {
		fmt.Fprintf(&env, "%s=%s\n", variable.Name, quote(variable.Value))
	}
	return env.String()
}

// WriteEnv puts the variables into EnvFile, whole or not at all. Only the owner
// can read it: the DSN may hold a password.
func (l Layout) WriteEnv() error {
	next := l.EnvFile() + ".next"
	if err := os.WriteFile(next, []byte(l.Env()), 0o600); err != nil {
		return fmt.Errorf("writing the variables: %w", err)
	}
	if err := os.Rename(next, l.EnvFile()); err != nil {
		return fmt.Errorf("writing the variables: %w", err)
	}
	return nil
}

// ReadEnv returns a variable of the stack that ran last in Run, or "" when there
// is none: that stack may have been given another PORT_BASE than this caller.
func (l Layout) ReadEnv(name string) string {
	content, err := os.ReadFile(filepath.Clean(l.EnvFile()))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return strings.Trim(value, "'")
		}
	}
	return ""
}

// quote returns value as one word of a shell, in quotes only where it must be.
func quote(value string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/@=.,_-?%+"
	if strings.Trim(value, plain) == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
