package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

const (
	// pageRows is how many rows one query reads: a query has a time limit, a table
	// has none.
	pageRows = 20_000
	// pageBytes of values end a page of large rows earlier.
	pageBytes = 16 << 20
)

var (
	errNullKey  = errors.New("key is NULL")
	errPageFull = errors.New("page is full")
)

// storedRows are the rows of a table in the order of its key, read page by page
// ahead of who takes them.
type storedRows struct {
	pages  chan []row
	failed error // valid once pages is closed
	cancel context.CancelFunc

	page []row
}

// openStored begins to read. The caller closes it.
func openStored(ctx context.Context, stored Querier, p *plan) *storedRows {
	ctx, cancel := context.WithCancel(ctx)
	s := &storedRows{pages: make(chan []row, 1), cancel: cancel}
	go func() {
		defer close(s.pages)
		s.failed = s.read(ctx, stored, p)
	}()
	return s
}

func (s *storedRows) read(ctx context.Context, stored Querier, p *plan) error {
	for last := ""; ; {
		page, isLast, err := readPage(ctx, stored, p, last)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].key()
		select {
		case s.pages <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
		if isLast {
			return nil
		}
	}
}

// readPage reads the rows behind a key. It is read whole before it is handed on,
// so that a query does not wait for PostgreSQL.
func readPage(ctx context.Context, stored Querier, p *plan, last string) (page []row, isLast bool, err error) {
	condition, parameters := "", clickhouse.Parameters{}
	if last != "" {
		condition = " WHERE " + identifier(p.keyTarget) + " > {last:" + p.keyTargetKind + "}"
		parameters["last"] = last
	}
	bytes := 0
	sql := fmt.Sprintf("%s%s ORDER BY %s LIMIT %d", p.fromClickHouse(), condition, identifier(p.keyTarget), pageRows)
	err = stored.Query(ctx, sql, parameters, func(rows *block.Reader) error {
		batch, err := collect(rows, &bytes)
		page = append(page, batch...)
		if err == nil && bytes > pageBytes {
			return errPageFull
		}
		return err
	})
	if errors.Is(err, errPageFull) {
		return page, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading from ClickHouse: %w", err)
	}
	return page, len(page) < pageRows, nil
}

// collect copies rows and adds the bytes of their values.
func collect(rows *block.Reader, bytes *int) ([]row, error) {
	batch := make([]row, rows.Rows())
	for i := range batch {
		values := rows.Row(i)
		texts, one := make([]string, len(values)), make(row, len(values))
		for at, value := range values {
			text, ok := value.(string)
			if value == nil {
				continue
			}
			if !ok {
				return nil, fmt.Errorf("column %d is a %T: %w", at, value, errNotComparable)
			}
			texts[at], *bytes = text, *bytes+len(text)
			one[at] = &texts[at]
		}
		if one[0] == nil {
			return nil, errNullKey
		}
		batch[i] = one
	}
	return batch, nil
}

// next returns the next row, or nil behind the last.
func (s *storedRows) next() (row, error) {
	for len(s.page) == 0 {
		page, ok := <-s.pages
		if !ok {
			return nil, s.failed
		}
		s.page = page
	}
	first := s.page[0]
	s.page = s.page[1:]
	return first, nil
}

// close ends the reading and waits for it.
func (s *storedRows) close() {
	s.cancel()
	for range s.pages { // what is left is dropped
	}
}

// lookUpStored returns the rows of ClickHouse that have one of the keys.
func lookUpStored(ctx context.Context, stored Querier, p *plan, keys []string) (map[string]row, error) {
	found := make(map[string]row, len(keys))
	sql := p.fromClickHouse() + " WHERE " + identifier(p.keyTarget) + " IN {keys:Array(" + p.keyTargetKind + ")}"
	err := stored.Query(ctx, sql, clickhouse.Parameters{"keys": arrayOf(keys, p.keyTargetKind)}, func(rows *block.Reader) error {
		var bytes int
		batch, err := collect(rows, &bytes)
		for _, one := range batch {
			found[one.key()] = one
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading keys from ClickHouse: %w", err)
	}
	return found, nil
}

// arrayOf is the text of an array of keys of that type.
func arrayOf(keys []string, kind string) string {
	quoted := make([]string, len(keys))
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for i, key := range keys {
		quoted[i] = key
		if kind == "UUID" || kind == "String" {
			quoted[i] = "'" + escape.Replace(key) + "'"
		}
	}
	return "[" + strings.Join(quoted, ",") + "]"
}
