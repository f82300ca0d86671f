package repair

import (
	"context"
	"fmt"
	"io"

	"github.com/nova-data/nova/pkg/lifecycle"
)

const epochHelp = `  begin             for a repair under a new topic prefix: create the topics that its
                    connector needs, and say what comes next
  finish            end the repair under a new topic prefix: when its snapshot is
                    stored, rows that it did not bring are deleted
  --prefix nova2    the new topic prefix; CDC_EPOCHS has its epoch
  --table posts     this table, by its name in PostgreSQL; may be repeated (default all)
  --connector nova2 the connector's name (default the prefix)
  --wait 10m        how long cdc-ingest may take to store what the topics hold
  --yes             do it; without, only what would go is shown

It reads CDC_EPOCHS, CONNECT_URL and the variables of Kafka and ClickHouse. With
CONNECT_URL it refuses while the connector's snapshot is not done; without, that is
yours to see. Repeating it changes nothing.
`

const rewindHelp = `  --to earliest     where to read again from: earliest, or a time of RFC 3339; records
                    count by the time at which the connector wrote them
  --table posts     this table, by its name in PostgreSQL; may be repeated (default all)
  --wait 0s         how long to wait for the last member of the group to leave
  --dry-run         show offsets and set none

It reads the variables of Kafka. Offsets go back, never on. cdc-ingest must be
stopped: scale it to 0, rewind, start it again.
`

const resyncHelp = `  --table posts     the table, by its name in PostgreSQL; may be repeated
  --where "…"       only rows that meet this condition of SQL; for one table
  --connector nova  the connector's name
  --signals public.debezium_signal   its signalling table
  --quiet 2m        how long no rows must come to be sure; more than Kafka Connect's
                    offset.flush.interval.ms

It reads POSTGRES_DSN, CONNECT_URL, CDC_EPOCHS and the variables of ClickHouse. An
incremental snapshot brings rows that are missing; it never overrides a row that was
streamed. It goes on when this command is stopped.
`

// Commands are "epoch", "resync" and "rewind" of the command line, for the service's
// consumer group.
func Commands(group string) []lifecycle.Command {
	return []lifecycle.Command{
		{
			Name: "epoch", Usage: "begin|finish --prefix nova2 [--table posts]… [--yes]", Help: epochHelp,
			Summary: "repair tables under a new topic prefix: its topics, and at the end the rows that its snapshot did not bring",
			Run: func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
				return runEpoch(ctx, group, args, printer{stdout, stderr})
			},
		},
		{
			Name: "resync", Usage: "--table posts [--where …]", Help: resyncHelp,
			Summary: "fill gaps by an incremental snapshot of PostgreSQL's tables",
			Run: func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
				return runResync(ctx, args, printer{stdout, stderr})
			},
		},
		{
			Name: "rewind", Usage: "--to earliest|TIME [--table posts]… [--dry-run]", Help: rewindHelp,
			Summary: "read topics again from their start or from a time",
			Run: func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
				return runRewind(ctx, group, args, printer{stdout, stderr})
			},
		},
	}
}

// printer is where results and progress go.
type printer struct{ stdout, stderr io.Writer }

func (p printer) out(line string) { fmt.Fprintln(p.stdout, line) }
func (p printer) say(line string) { fmt.Fprintln(p.stderr, line) }
