package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// resync asks the connector for an incremental snapshot and follows it.
type resync struct {
	tables []table.Table
	// where is a condition on the rows of the one table, "" for all.
	where string
	// signals is the signalling table, with its schema.
	signals   string
	connector string
	// quiet is how long no chunk is read once the snapshot is done.
	quiet time.Duration
}

type resyncDeps struct {
	conn *pgx.Conn
	// connect is nil if the connector cannot be asked.
	connect *connect.Client
	// canFill tells whether an incremental snapshot can fill a table's gaps.
	canFill func(ctx context.Context, table string) (can bool, reason string, err error)
	say     func(line string)
}

// chunkRows is Debezium's incremental.snapshot.chunk.size, if it is not set.
const chunkRows = 1024

// errUnderWay says that the connector has a snapshot to finish first.
var errUnderWay = errors.New("an incremental snapshot is under way: wait until it is done")

// run returns when the snapshot is done.
func (r resync) run(ctx context.Context, deps resyncDeps) error {
	for _, t := range r.tables {
		can, reason, err := deps.canFill(ctx, t.Source)
		if err != nil {
			return err
		}
		if !can {
			return errors.New(reason)
		}
	}
	if err := r.checkConnector(ctx, deps); err != nil {
		return err
	}
	estimate, err := r.estimate(ctx, deps.conn)
	if err != nil {
		return err
	}
	before, err := r.chunks(ctx, deps.conn)
	if err != nil {
		return err
	}
	if err := r.signal(ctx, deps.conn); err != nil {
		return err
	}
	deps.say("the snapshot is asked for; it goes on if this command is stopped")
	f := following{resync: r, deps: deps, before: before, estimate: estimate, moved: time.Now(), told: progress{say: deps.say}}
	return until(ctx, func() (bool, error) { return f.look(ctx) })
}

// checkConnector refuses what the connector would not do, or not now.
func (r resync) checkConnector(ctx context.Context, deps resyncDeps) error {
	if deps.connect == nil {
		return nil
	}
	if err := r.checkRunning(ctx, deps); err != nil {
		return err
	}
	offset, _, err := deps.connect.Offset(ctx, r.connector)
	if err != nil {
		return err
	}
	if offset.Filling != "" {
		return fmt.Errorf("%w: %s", errUnderWay, offset.Filling)
	}
	return nil
}

func (r resync) checkRunning(ctx context.Context, deps resyncDeps) error {
	status, err := deps.connect.Status(ctx, r.connector)
	if errors.Is(err, connect.ErrUnknown) {
		return fmt.Errorf("asking for connector %s: %w: name it with --connector", r.connector, err)
	}
	if err != nil {
		return err
	}
	for _, part := range append(status.Tasks, status.Connector) {
		if part.State != connect.Running {
			return fmt.Errorf("connector %s or a task of it is %s: %s", r.connector, part.State, part.Cause())
		}
	}
	return nil
}

// estimate is how many rows PostgreSQL believes that the tables have, -1 if it does
// not know.
func (r resync) estimate(ctx context.Context, conn *pgx.Conn) (rows int64, err error) {
	for _, t := range r.tables {
		var of int64
		err := conn.QueryRow(ctx, "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)", pgx.Identifier{"public", t.Source}.Sanitize()).Scan(&of)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, fmt.Errorf("there is no table %s in PostgreSQL", t.Source)
		}
		if err != nil {
			return 0, fmt.Errorf("estimating the rows of %s: %w", t.Source, err)
		}
		if of < 0 || rows < 0 {
			rows = -1
			continue
		}
		rows += of
	}
	return rows, nil
}

// chunks is how many chunks Debezium has begun, ever: it leaves a row for each in
// the signalling table.
func (r resync) chunks(ctx context.Context, conn *pgx.Conn) (count int64, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) FROM "+r.signals+" WHERE type = 'snapshot-window-open'").Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("reading the signalling table: %w", err)
	}
	return count, nil
}

// order is what Debezium reads of a signal row.
type order struct {
	Type       string      `json:"type"`
	Tables     []string    `json:"data-collections"`
	Conditions []condition `json:"additional-conditions,omitempty"`
}

type condition struct {
	Table  string `json:"data-collection"`
	Filter string `json:"filter"`
}

func (r resync) signal(ctx context.Context, conn *pgx.Conn) error {
	asked := order{Type: "incremental"}
	for _, t := range r.tables {
		name := "public." + t.Source
		asked.Tables = append(asked.Tables, name)
		if r.where != "" {
			asked.Conditions = append(asked.Conditions, condition{Table: name, Filter: r.where})
		}
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("writing the signal: %w", err)
	}
	_, err = conn.Exec(ctx, "INSERT INTO "+r.signals+" (id, type, data) VALUES ($1, 'execute-snapshot', $2)", uuid.NewString(), string(data))
	if err != nil {
		return fmt.Errorf("writing the signal: %w", err)
	}
	return nil
}

// following is a snapshot that is under way.
type following struct {
	resync
	deps             resyncDeps
	before, estimate int64
	told             progress

	// read is how many chunks have begun, moved when there was one more.
	read  int64
	moved time.Time
	// wasSeen says that the connector has shown the snapshot among its offsets.
	wasSeen bool
}

// look tells whether the snapshot is done. Debezium does not say so: its offset shows
// the snapshot while it runs, once Kafka Connect has stored it, and its chunks are
// seen to come.
func (f *following) look(ctx context.Context) (done bool, err error) {
	begun, err := f.chunks(ctx, f.deps.conn)
	if err != nil {
		return false, err
	}
	if read := begun - f.before; read != f.read {
		f.read, f.moved = read, time.Now()
	}
	f.told.show("%s", f.progress())
	isQuiet := f.read > 0 && time.Since(f.moved) >= f.quiet
	if f.deps.connect == nil {
		if isQuiet {
			f.deps.say(fmt.Sprintf("no chunk for %s: it is done if the connector runs", f.quiet))
		}
		return isQuiet, nil
	}
	if err := f.checkRunning(ctx, f.deps); err != nil {
		return false, err
	}
	offset, _, err := f.deps.connect.Offset(ctx, f.connector)
	if err != nil {
		return false, err
	}
	f.wasSeen = f.wasSeen || offset.Filling != ""
	if done = offset.Filling == "" && (f.wasSeen || isQuiet); done {
		f.deps.say("the snapshot is done: " + f.progress())
	}
	return done, nil
}

func (f *following) progress() string {
	switch {
	case f.read == 0:
		return "waiting for the connector to begin"
	case f.estimate < 0 || f.where != "":
		return fmt.Sprintf("%d chunks, %d rows or fewer", f.read, f.read*chunkRows)
	default:
		return fmt.Sprintf("%d chunks, about %d of %d rows", f.read, min(f.read*chunkRows, f.estimate), f.estimate)
	}
}
