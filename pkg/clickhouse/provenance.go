package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// wantedTable is the temporary table of the keys that are looked for.
const (
	wantedTable = "nova_wanted"
	rowColumn   = "nova_row"
)

// provenance asks a table which rows of a block it has, by their keys.
type provenance struct {
	storing *Storing
	session *session
	// missing is the rows that it lacked when it was last asked.
	missing []int
	isReady bool
}

// ask counts and logs what the table says; it is a replica that is up to date.
func (p *provenance) ask(ctx context.Context, now situation) (answer, error) {
	s := p.storing
	if err := p.prepare(ctx); err != nil {
		return unasked, err
	}
	if err := p.session.catchUp(ctx, s.insert.Table); err != nil {
		return unasked, err
	}
	if err := p.read(ctx); err != nil {
		return unasked, err
	}
	said := answerOf(len(p.missing), s.insert.Block.Rows())
	s.writer.metrics.checked(ctx, said)
	s.writer.deps.Log.Info("asked ClickHouse what it has of a batch", "table", s.insert.Table, "token", s.insert.Token,
		"stored", said, "rows", s.insert.Block.Rows(), "missing", len(p.missing), "is_old", now.isOld, "is_restarted", now.isRestarted)
	return said, nil
}

// prepare sends the block's keys, once a session.
func (p *provenance) prepare(ctx context.Context) error {
	if p.isReady {
		return nil
	}
	s := p.storing
	keys, ok := s.insert.Block.Project(s.key)
	if !ok || len(s.key) == 0 {
		return fmt.Errorf("asking %s for rows by their key: the block lacks columns of %v", s.insert.Table, s.key)
	}
	// The table's own types, so that keys compare as they are stored.
	err := p.session.create(ctx, fmt.Sprintf("%s ENGINE = Memory AS SELECT toUInt64(0) AS %s, %s FROM %s LIMIT 0",
		wantedTable, rowColumn, p.keyList(), s.writer.pool.tableName(s.insert.Table)))
	if err != nil {
		return err
	}
	row := block.UInt64(rowColumn)
	for i := range keys.Rows() {
		row.Append(uint64(i))
	}
	err = p.session.fill(ctx, wantedTable, block.New(append(keys.Columns(), row)...))
	p.isReady = err == nil
	return err
}

// read finds the missing rows. The inner IN goes by the table's index; FINAL is
// not needed to find a key.
func (p *provenance) read(ctx context.Context) error {
	keys := p.keyList()
	sql := fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE (%[3]s) NOT IN (SELECT %[3]s FROM %[4]s WHERE (%[3]s) IN (SELECT %[3]s FROM %[2]s))",
		rowColumn, wantedTable, keys, p.storing.writer.pool.tableName(p.storing.insert.Table))
	p.missing = p.missing[:0]
	err := p.session.query(ctx, sql, nil, func(reader *block.Reader) error {
		for i := range reader.Rows() {
			var row int
			if err := reader.Scan(i, &row); err != nil {
				return err
			}
			p.missing = append(p.missing, row)
		}
		return nil
	})
	slices.Sort(p.missing)
	return err
}

func (p *provenance) keyList() string {
	return "`" + strings.Join(p.storing.key, "`, `") + "`"
}
