package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/tilt/stack/internal/board"
	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/reconcile"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// runConfig is what `stack run` takes from the environment.
type runConfig struct {
	For        time.Duration     `split_words:"true" default:"0s" desc:"How long sample traffic runs until the closing reconciliation; 0 means until Ctrl-C, without one."`
	Traffic    traffic.Config    `envconfig:"TRAFFIC"`
	Reconcile  reconcile.Config  `envconfig:"RECONCILE"`
	ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
}

// errInterrupted is the end of a run that was to reconcile and did not get there.
var errInterrupted = errors.New("interrupted before the reconciliation")

// errDifferences is the end of a run whose two sides are not the same.
var errDifferences = errors.New("the reconciliation has found differences")

func runRun(ctx context.Context, c *call) error {
	var cfg runConfig
	if err := config.Load(&cfg); err != nil {
		return err
	}
	cfg.ClickHouse.Addr = []string{c.layout.ClickHouse.Addr}
	if c.flags.duration != 0 {
		cfg.For = c.flags.duration
	}
	if err := deps.Ensure(ctx, c.layout, c.out); err != nil {
		return err
	}
	if err := os.MkdirAll(c.layout.LogDir(), 0o700); err != nil {
		return fmt.Errorf("making the directory of the logs: %w", err)
	}
	events, err := openSupervisorLog(c.layout)
	if err != nil {
		return fmt.Errorf("opening the stack's log: %w", err)
	}
	defer func() { _ = events.Close() }()
	progress := &held{out: c.out}
	c.out = &tee{first: progress, second: events}
	s, err := newSession(c)
	if err != nil {
		return err
	}
	show := showing{call: c, cfg: cfg, progress: progress}
	return outcome(ctx, cfg.For, s.run(ctx, show.run))
}

// outcome returns what a run for length, which may have been interrupted, has
// come to: an interruption takes nothing back that was found before.
func outcome(ctx context.Context, length time.Duration, err error) error {
	switch {
	case ctx.Err() == nil || err == nil || errors.Is(err, errDifferences):
		return err
	case length == 0:
		return nil // Ctrl-C is how it ends
	default:
		return errInterrupted
	}
}

// showing is the stack at work for someone who watches.
type showing struct {
	call     *call
	cfg      runConfig
	progress *held
}

// run lets sample users act while the board shows it, and compares both sides
// at the end.
func (s showing) run(ctx context.Context, keeping *supervisor.Supervisor) error {
	pool, err := clickhouse.Open(s.cfg.ClickHouse, clickhouse.Deps{
		Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{},
	})
	if err != nil {
		return fmt.Errorf("connecting to ClickHouse: %w", err)
	}
	defer pool.Close()
	ledger := traffic.NewLedger(time.Now())
	if err := s.act(ctx, keeping, pool, ledger); err != nil {
		return err
	}
	if s.cfg.For == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fmt.Fprintln(s.call.out, "the traffic has ended; comparing both sides")
	report, err := reconcile.Run(ctx, s.cfg.Reconcile, reconcile.Deps{
		PostgresDSN: s.call.layout.PostgresDSN(),
		ClickHouse:  pool,
		Ledger:      ledger,
		Progress:    changes(s.call.out),
	})
	if err != nil {
		return err
	}
	if err := report.Write(s.call.out); err != nil {
		return err
	}
	if !report.OK() {
		return errDifferences
	}
	return checkConnector(ctx, s.call.layout.URL(layout.ConnectPort))
}

// checkConnector returns the failure of a connector that has stopped for good: both
// sides are equal, and would not stay so. One that cannot be asked is no failure.
func checkConnector(ctx context.Context, connect string) error {
	err := probe.Connector(connect, connector)(ctx)
	var failed *probe.FailedError
	if errors.As(err, &failed) {
		return err
	}
	return nil
}

// connector is the name in tilt/debezium/nova.json.
const connector = "nova"

// changes returns a function that writes what is waited for when it is another
// thing than before.
func changes(out io.Writer) func(waitingFor string) {
	last := ""
	return func(waitingFor string) {
		if waitingFor != last {
			fmt.Fprintln(out, "waiting:", waitingFor)
		}
		last = waitingFor
	}
}

// act returns when the traffic has ended, by its time, by ctx or by an error.
func (s showing) act(ctx context.Context, keeping *supervisor.Supervisor, pool *clickhouse.Pool, ledger *traffic.Ledger) error {
	log, err := os.Create(filepath.Join(s.call.layout.LogDir(), "traffic.log"))
	if err != nil {
		return fmt.Errorf("opening the log of the traffic: %w", err)
	}
	defer func() { _ = log.Close() }()
	acting, end := context.WithCancel(ctx)
	defer end()
	var until time.Time
	if s.cfg.For > 0 {
		until = time.Now().Add(s.cfg.For)
		timer := time.AfterFunc(s.cfg.For, end)
		defer timer.Stop()
	}
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan error, 1)
	release := s.progress.hold()
	go func() {
		watched <- board.Run(watching, s.call.terminal, s.sources(keeping, pool, ledger), until)
	}()
	err = traffic.Run(acting, s.cfg.Traffic, traffic.Deps{
		EventsURL:   s.call.layout.URL(layout.EventsPort),
		PostgresDSN: s.call.layout.PostgresDSN(),
		ClickHouse:  pool,
		RedisAddr:   s.call.layout.Redis.Addr,
		Ledger:      ledger,
		Log:         slog.New(slog.NewTextHandler(log, nil)),
	})
	stopWatching()
	err = errors.Join(err, <-watched)
	release()
	return err
}

func (s showing) sources(keeping *supervisor.Supervisor, pool *clickhouse.Pool, ledger *traffic.Ledger) board.Sources {
	l := s.call.layout
	return board.Sources{
		Parts:      func() []board.Part { return boardParts(keeping.Status()) },
		Traffic:    ledger.Counters,
		ClickHouse: pool,
		Services: board.Services{
			CDCIngest:    l.Address(layout.CDCIngestAdmin),
			EventsIngest: l.Address(layout.EventsIngestAdmin),
			Invalidator:  l.Address(layout.InvalidatorAdmin),
			Jobs:         l.Address(layout.JobsAdmin),
			JobsAPI:      l.Address(layout.JobsPort),
		},
		Addresses: []board.Address{
			{Name: "events API", URL: l.URL(layout.EventsPort)},
			{Name: "jobs API", URL: l.URL(layout.JobsPort)},
			{Name: "ClickHouse", URL: l.ClickHouseHTTP()},
			{Name: "status page", URL: l.URL(layout.StatusPort)},
			{Name: "Kafka Connect", URL: l.URL(layout.ConnectPort)},
			{Name: "cdc-ingest metrics", URL: l.URL(layout.CDCIngestAdmin) + "/metrics"},
			{Name: "events-ingest metrics", URL: l.URL(layout.EventsIngestAdmin) + "/metrics"},
			{Name: "invalidator metrics", URL: l.URL(layout.InvalidatorAdmin) + "/metrics"},
			{Name: "jobs metrics", URL: l.URL(layout.JobsAdmin) + "/metrics"},
		},
	}
}

func boardParts(table []supervisor.Status) []board.Part {
	shown := make([]board.Part, 0, len(table))
	for _, s := range table {
		part := board.Part{
			Name:  s.Part,
			State: string(s.State),
			Ready: s.State == supervisor.Ready || s.State == supervisor.Done,
			Note:  s.Problem,
		}
		if part.Note == "" && s.Restarts > 0 {
			part.Note = fmt.Sprintf("started again %d times", s.Restarts)
		}
		shown = append(shown, part)
	}
	return shown
}
