package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Migrator brings one database to the schema.
type Migrator struct {
	pool     *clickhouse.Pool
	log      *slog.Logger
	renderer renderer
}

// New makes a Migrator of the pool's database.
func New(cfg Config, pool *clickhouse.Pool, log *slog.Logger) *Migrator {
	return &Migrator{pool: pool, log: log, renderer: renderer{Config: cfg, database: pool.Database()}}
}

// Plan is what is applied, what Apply would do, and what keeps it from doing so.
type Plan struct {
	Applied []Applied `json:"applied"`
	Steps   []Step    `json:"steps"`
	Drift   []string  `json:"drift"`
}

// Applied is a file that the database has.
type Applied struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"`
	AppliedAt time.Time `json:"applied_at"`

	checksum string
}

// Step is one thing that Apply does.
type Step struct {
	Name       string   `json:"name"`
	Statements []string `json:"statements"`

	file *file
}

// DriftError is why Apply did nothing: the database is not what the files made.
type DriftError struct{ Drift []string }

// Error implements error.
func (e *DriftError) Error() string {
	return "the database differs from the schema files:\n  " + strings.Join(e.Drift, "\n  ")
}

// Plan compares the database with the files and changes nothing.
func (m *Migrator) Plan(ctx context.Context) (Plan, error) {
	known, err := files()
	if err != nil {
		return Plan{}, err
	}
	applied, err := readApplied(ctx, m.pool)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Applied: applied, Steps: []Step{}, Drift: changedFiles(known, applied)}
	version := versionOf(applied)
	for _, file := range known[min(version, len(known)):] {
		statements, err := m.renderer.statements(file.name, file.text)
		if err != nil {
			return Plan{}, err
		}
		plan.Steps = append(plan.Steps, Step{Name: file.name, Statements: statements, file: &file})
	}
	if version > len(known) {
		// A newer release has applied what these files do not describe.
		return plan, nil
	}
	found, err := m.compare(ctx, version)
	if err != nil {
		return Plan{}, err
	}
	plan.Drift = append(plan.Drift, found...)
	retention, err := m.planRetention(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan.Steps = append(plan.Steps, retention...)
	return plan, nil
}

// Apply does what Plan says. It returns the plan it followed, and a *DriftError
// if it followed none.
func (m *Migrator) Apply(ctx context.Context) (Plan, error) {
	bootstrap, err := embedded.ReadFile(directory + "/schema_migrations.sql")
	if err != nil {
		return Plan{}, err
	}
	statements, err := m.renderer.statements("schema_migrations.sql", string(bootstrap))
	if err != nil {
		return Plan{}, err
	}
	if err := m.run(ctx, Step{Name: "schema_migrations.sql", Statements: statements}); err != nil {
		return Plan{}, err
	}
	plan, err := m.Plan(ctx)
	if err != nil {
		return plan, err
	}
	if len(plan.Drift) > 0 {
		return plan, &DriftError{Drift: plan.Drift}
	}
	for _, step := range plan.Steps {
		if err := m.apply(ctx, step); err != nil {
			return plan, err
		}
	}
	return plan, nil
}

func (m *Migrator) apply(ctx context.Context, step Step) error {
	m.log.Info("applying schema step", "step", step.Name, "statements", len(step.Statements))
	if err := m.run(ctx, step); err != nil {
		return err
	}
	if step.file == nil {
		return nil
	}
	found, err := m.compare(ctx, step.file.version)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("applying %s: %w", step.Name, &DriftError{Drift: found})
	}
	return m.record(ctx, *step.file)
}

func (m *Migrator) run(ctx context.Context, step Step) error {
	for i, statement := range step.Statements {
		if err := m.pool.Exec(ctx, statement, nil); err != nil {
			return fmt.Errorf("applying %s, statement %d of %d: %w", step.Name, i+1, len(step.Statements), err)
		}
	}
	return nil
}

func (m *Migrator) record(ctx context.Context, file file) error {
	version, name, checksum := block.UInt32("version"), block.String("name"), block.String("checksum")
	appliedAt := block.DateTime64Milli("applied_at")
	version.Append(uint32(file.version))
	name.Append(file.name)
	checksum.Append(file.checksum)
	appliedAt.AppendMillis(time.Now().UnixMilli())
	row := block.New(version, name, checksum, appliedAt)
	if err := m.pool.Insert(ctx, clickhouse.Insert{Table: "schema_migrations", Block: row}); err != nil {
		return fmt.Errorf("recording %s: %w", file.name, err)
	}
	return nil
}

// compare says how the database differs from what files 1 to version make.
func (m *Migrator) compare(ctx context.Context, version int) ([]string, error) {
	var wanted []state
	for v := version; v <= Latest(); v++ {
		want, err := declared(v)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, want)
	}
	got, err := live(ctx, m.pool)
	if err != nil {
		return nil, err
	}
	return differences(wanted, got), nil
}

// readApplied returns the applied files in order: none if there is no record yet.
func readApplied(ctx context.Context, pool *clickhouse.Pool) ([]Applied, error) {
	const query = `SELECT version, name, checksum, applied_at FROM schema_migrations FINAL ORDER BY version`
	applied := []Applied{}
	err := pool.Query(ctx, query, nil, func(rows *block.Reader) error {
		for row := range rows.Rows() {
			var one Applied
			if err := rows.Scan(row, &one.Version, &one.Name, &one.checksum, &one.AppliedAt); err != nil {
				return err
			}
			applied = append(applied, one)
		}
		return nil
	})
	if isUnknownTable(err) {
		return applied, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the applied versions: %w", err)
	}
	return applied, nil
}

const codeUnknownTable = 60

func isUnknownTable(err error) bool {
	var failure *clickhouse.Error
	return errors.As(err, &failure) && failure.Code == codeUnknownTable
}

func versionOf(applied []Applied) int {
	if len(applied) == 0 {
		return 0
	}
	return applied[len(applied)-1].Version
}

func changedFiles(known []file, applied []Applied) []string {
	found := []string{}
	for i, one := range applied {
		switch {
		case one.Version != i+1:
			found = append(found, fmt.Sprintf("version %d is recorded, but version %d is not", one.Version, i+1))
			return found
		case i < len(known) && one.checksum != known[i].checksum:
			found = append(found, fmt.Sprintf("%s was applied with checksum %.12s and has %.12s now: an applied file never changes, add a new one", one.Name, one.checksum, known[i].checksum))
		}
	}
	return found
}
