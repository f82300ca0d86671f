package doctor

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// added stands for a column that a table does not have yet.
const added = "column_added_later"

// checkColumns looks at which columns the connector reads. It alone keeps private
// columns from Kafka, since the publication has whole tables.
func (c *connectorCheck) checkColumns() {
	include, exclude := c.config["column.include.list"], c.config["column.exclude.list"]
	if include != "" && exclude != "" {
		c.fail(c.wanted(), "column.include.list and column.exclude.list are both set: the connector does not start")
		return
	}
	for _, pattern := range split(include + "," + exclude) {
		if _, err := compile(pattern); err != nil {
			c.warn(c.wanted(), "%s is a pattern of Java's alone: which columns the connector reads is not checked", pattern)
			return
		}
	}
	for _, t := range c.options.Tables {
		for _, column := range mapped(t) {
			c.checkIncluded(Fail, "public."+t.Source+"."+column, "")
		}
	}
	for _, column := range []string{"id", "type", "data"} {
		c.checkIncluded(Warn, c.signals()+"."+column, ": no signal is understood, and no gap can be filled by an incremental snapshot")
	}
	c.checkPrivate()
}

func (c *connectorCheck) checkIncluded(level Level, name, why string) {
	switch {
	case c.reads(name):
	case c.config["column.include.list"] != "":
		c.add(level, "add "+name+" to column.include.list", "the connector leaves out column %s%s", name, why)
	default:
		c.add(level, "take "+name+" out of column.exclude.list", "the connector leaves out column %s%s", name, why)
	}
}

func (c *connectorCheck) checkPrivate() {
	var leaking, open []string
	for _, t := range slices.Sorted(maps.Keys(private())) {
		for _, column := range private()[t] {
			if name := "public." + t + "." + column; c.reads(name) {
				leaking = append(leaking, name)
			}
		}
		if c.reads("public." + t + "." + added) {
			open = append(open, t)
		}
	}
	switch {
	case len(leaking) > 0:
		c.fail(c.wanted(), "private columns reach Kafka: %s", strings.Join(leaking, ", "))
	case len(open) > 0:
		c.warn(c.wanted(), "private columns are left out one by one: a column that is added to %s reaches Kafka", strings.Join(open, ", "))
	}
}

// reads tells whether the connector reads a column, by its whole name.
func (c *connectorCheck) reads(column string) bool {
	return includes(c.config["column.include.list"], c.config["column.exclude.list"], column)
}

// signals is the signalling table.
func (c *connectorCheck) signals() string {
	return cmp.Or(c.config["signal.data.collection"], "public.debezium_signal")
}

// wanted is the setting that lets through the mapped columns of tables with private
// ones, and all columns of what else is captured.
func (c *connectorCheck) wanted() string {
	var listed, others, whole []string
	captured := split(c.config["table.include.list"])
	for _, t := range c.options.Tables {
		name := "public." + t.Source
		captured = append(captured, name)
		if len(private()[t.Source]) > 0 {
			listed = append(listed, "public[.]"+t.Source+"[.]("+strings.Join(mapped(t), "|")+")")
		}
	}
	for _, pattern := range append(captured, c.signals()) {
		name, isPublic := strings.CutPrefix(pattern, "public.")
		switch {
		case coversPrivate(pattern):
		case !isPublic || name != regexp.QuoteMeta(name):
			others = append(others, "(?:"+pattern+")[.].*")
		case !slices.Contains(whole, name):
			whole = append(whole, name)
		}
	}
	all := append(slices.Concat(listed, others), "public[.]("+strings.Join(whole, "|")+")[.].*")
	return "column.include.list=" + strings.Join(all, ",") + ", without column.exclude.list"
}

// coversPrivate tells whether a pattern of tables has one with private columns.
func coversPrivate(pattern string) bool {
	for t := range private() {
		if matches(pattern, "public."+t) {
			return true
		}
	}
	return false
}
