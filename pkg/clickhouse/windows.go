package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The windows that cover all tokens of WriterConfig.MaxAge and an attempt: in
// blocks, one for each month of an insert, and in seconds.
const (
	neededBlocks  = 100_000
	neededSeconds = 604_800
)

const (
	plainBlocks       = "non_replicated_deduplication_window"
	replicatedBlocks  = "replicated_deduplication_window"
	replicatedSeconds = "replicated_deduplication_window_seconds"
)

// ErrUnsafeTable is the error of CheckWindows about tables that an operator has to
// alter, as against one that says the server could not be asked.
var ErrUnsafeTable = errors.New("ClickHouse would store blocks twice")

// CheckWindows returns an error that is ErrUnsafeTable and names each table and the
// ALTER it needs, if a table, or a target of its materialized views or of theirs,
// does not remember tokens for long enough. Of tables that are not replicated it
// logs once what a crash can do to them.
func (w *Writer) CheckWindows(ctx context.Context, table string) error {
	check := windowCheck{seen: map[qualified]bool{}}
	err := w.call(ctx, "checking the de-duplication windows of "+table, func(s *session) error {
		return check.all(ctx, s, qualified{database: w.pool.Database(), name: table})
	})
	if err != nil {
		return err
	}
	if len(check.plain) > 0 {
		w.deps.Log.Warn("tables are not replicated: if their server is killed (kill -9, power), it can know the token of a block that it has not stored; the block is then looked for and stored again, but a view can lose it or count it twice",
			"tables", strings.Join(check.plain, ", "))
	}
	if len(check.problems) > 0 {
		return fmt.Errorf("%w: %s", ErrUnsafeTable, strings.Join(check.problems, "; "))
	}
	return nil
}

// windowCheck is the tables that a block for one of them goes to, and what is
// wrong with them.
type windowCheck struct {
	seen     map[qualified]bool
	plain    []string
	problems []string
}

// all follows the views from a table on.
func (c *windowCheck) all(ctx context.Context, s *session, first qualified) error {
	*c = windowCheck{seen: map[qualified]bool{first: true}} // a breaker may call again
	for queue := []qualified{first}; len(queue) > 0; queue = queue[1:] {
		described, err := s.describe(ctx, queue[0])
		if err != nil {
			return err
		}
		if err := c.one(ctx, s, described); err != nil {
			return err
		}
		for _, target := range described.leadsTo() {
			if !c.seen[target] {
				c.seen[target] = true
				queue = append(queue, target)
			}
		}
	}
	return nil
}

// one checks a table by its engine.
func (c *windowCheck) one(ctx context.Context, s *session, t described) error {
	switch {
	case t.engine == "":
		c.problems = append(c.problems, fmt.Sprintf("table %s is missing, or this user may not see it", t.name))
	case t.engine == "MaterializedView", t.engine == "Null":
	case !isMergeTree(t.engine):
		c.problems = append(c.problems, fmt.Sprintf("table %s has the engine %s, which takes a block again each time it is sent: use a MergeTree, or drop the view that fills it", t.name, t.engine))
	case isPlain(t.engine):
		c.plain = append(c.plain, t.name.String())
		return c.window(ctx, s, t, map[string]int{plainBlocks: neededBlocks})
	default:
		return c.window(ctx, s, t, map[string]int{replicatedBlocks: neededBlocks, replicatedSeconds: neededSeconds})
	}
	return nil
}

// window compares a table's settings, or else the server's, with what is needed.
func (c *windowCheck) window(ctx context.Context, s *session, t described, needed map[string]int) error {
	var found, wanted []string
	for _, setting := range []string{plainBlocks, replicatedBlocks, replicatedSeconds} {
		need, matters := needed[setting]
		if !matters {
			continue
		}
		value, err := s.tableSetting(ctx, t, setting)
		if err != nil {
			return err
		}
		if value < need {
			found = append(found, fmt.Sprintf("%s = %d", setting, value))
			wanted = append(wanted, fmt.Sprintf("%s = %d", setting, need))
		}
	}
	if len(found) == 0 {
		return nil
	}
	where := ""
	if isReplicated(t.engine) {
		where = " (on each replica)"
	}
	c.problems = append(c.problems, fmt.Sprintf("table %s has %s: ALTER TABLE %s MODIFY SETTING %s%s",
		t.name, strings.Join(found, " and "), t.name.sql(), strings.Join(wanted, ", "), where))
	return nil
}

// tableSetting returns a setting of a table's own, or else the server's default.
func (s *session) tableSetting(ctx context.Context, t described, name string) (int, error) {
	if own := regexp.MustCompile(`\b` + name + ` = '?(\d+)`).FindStringSubmatch(t.engineFull); own != nil {
		return strconv.Atoi(own[1])
	}
	source := "system.merge_tree_settings"
	if isReplicated(t.engine) {
		source = "system.replicated_merge_tree_settings"
	}
	text, err := s.text(ctx, "SELECT value FROM "+source+" WHERE name = {name:String}", Parameters{"name": name})
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("reading the setting %s: %w", name, err)
	}
	return value, nil
}
