package doctor

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// setting is one of the connector's that matters.
type setting struct {
	name string
	// byDefault is what the connector takes when it is not set.
	byDefault string
	want      string
	others    []string // as good
	level     Level
	why       string
}

func settings() []setting {
	return []setting{
		{"plugin.name", "decoderbufs", "pgoutput", nil, Fail, "publications are pgoutput's"},
		{"snapshot.mode", "initial", "initial", nil, Warn, "another mode leaves out what was there before, or reads it again unasked"},
		{"skipped.operations", "t", "none", nil, Fail, "a TRUNCATE is not repeated"},
		{"tombstones.on.delete", "true", "true", nil, Warn, "a compacted topic keeps deleted keys"},
		{"decimal.handling.mode", "precise", "string", nil, Warn, "NaN and infinity arrive as NULL"},
		{"time.precision.mode", "adaptive", "adaptive", []string{"adaptive_time_microseconds"}, Fail, "timestamps arrive in another unit, cut to milliseconds"},
		{"interval.handling.mode", "numeric", "numeric", nil, Warn, "intervals arrive as texts"},
		{"binary.handling.mode", "bytes", "bytes", []string{"base64"}, Warn, "bytea arrives in another encoding"},
		{"unavailable.value.placeholder", "__debezium_unavailable_value", "__debezium_unavailable_value", nil, Fail, "a large value that did not change is taken for a value"},
		{"publication.autocreate.mode", "all_tables", "disabled", nil, Warn, "the connector makes or alters the publication"},
		{"signal.enabled.channels", "source", "source", nil, Warn, "no gap can be filled by an incremental snapshot"},
		{"value.converter.schemas.enable", "true", "false", nil, Warn, "each record carries its schema, five times its size"},
	}
}

func (c *connectorCheck) checkSettings() {
	if class := c.config["connector.class"]; !strings.HasSuffix(class, "PostgresConnector") {
		c.fail("connector.class=io.debezium.connector.postgresql.PostgresConnector", "connector.class is %q", class)
	}
	for _, s := range settings() {
		value := cmp.Or(c.config[s.name], s.byDefault)
		if value == s.want || slices.Contains(s.others, value) {
			continue
		}
		// Other channels beside the wanted one do no harm.
		if s.name == "signal.enabled.channels" && slices.Contains(split(value), s.want) {
			continue
		}
		c.add(s.level, s.name+"="+s.want, "%s is %s: %s", s.name, value, s.why)
	}
	for _, converter := range []string{"key.converter", "value.converter"} {
		// Unset, it is the worker's, which is not told.
		if value := c.config[converter]; value != "" && value != "org.apache.kafka.connect.json.JsonConverter" {
			c.fail(converter+"=org.apache.kafka.connect.json.JsonConverter", "%s is %s: records are not JSON", converter, value)
		}
	}
	if interval := cmp.Or(c.config["heartbeat.interval.ms"], "0"); interval == "0" {
		c.warn("heartbeat.interval.ms=5000", "there are no heartbeats: while the captured tables are idle the slot keeps the WAL of all others")
	} else if c.config["heartbeat.action.query"] == "" {
		c.warn("heartbeat.action.query=SELECT pg_logical_emit_message(false, 'nova.heartbeat', '')",
			"heartbeats write nothing to PostgreSQL: while this database is idle the slot keeps the WAL of others")
	}
	if c.config["signal.data.collection"] == "" {
		c.warn("signal.data.collection=public.debezium_signal", "signal.data.collection is not set: no gap can be filled by an incremental snapshot")
	}
}

// checkTables looks at which tables the connector reads.
func (c *connectorCheck) checkTables() {
	for _, t := range c.options.Tables {
		name := "public." + t.Source
		if !includes(c.config["table.include.list"], c.config["table.exclude.list"], name) {
			c.fail("table.include.list=…,"+name, "the connector leaves out table %s", name)
		}
	}
}

// includes applies a pair of the connector's lists, of which one is set, to a name.
func includes(include, exclude, name string) bool {
	if include != "" {
		return matches(include, name)
	}
	return exclude == "" || !matches(exclude, name)
}

// matches tells whether a whole name fits one of a list of patterns, without regard
// to case. One that Go does not understand fits its own text.
func matches(list, name string) bool {
	return slices.ContainsFunc(split(list), func(pattern string) bool {
		compiled, err := compile(pattern)
		return err == nil && compiled.MatchString(name) || strings.EqualFold(pattern, name)
	})
}

// compile reads a pattern of the connector's lists.
func compile(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile("(?i)^(?:" + pattern + ")$")
}

func split(list string) []string {
	var parts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// checkRouting applies the transformations that rename topics to those of the
// mapped tables.
func (c *connectorCheck) checkRouting() {
	for _, t := range c.options.Tables {
		if topic := c.routed(t); topic != t.Topic() {
			c.fail(`transforms=route, transforms.route.type=org.apache.kafka.connect.transforms.RegexRouter, `+
				`transforms.route.regex=[^.]+\.public\.(.+), transforms.route.replacement=cdc.$1`,
				"changes of %s go to topic %s, not %s", t.Source, topic, t.Topic())
		}
	}
	for _, name := range split(c.config["transforms"]) {
		kind := c.config["transforms."+name+".type"]
		if strings.HasSuffix(kind, "ExtractNewRecordState") || strings.Contains(kind, "Flatten") {
			c.fail("take "+name+" out of transforms", "transformation %s (%s) flattens records: no LSN, no order", name, kind)
		}
	}
}

func (c *connectorCheck) routed(t table.Table) string {
	topic := c.config["topic.prefix"] + ".public." + t.Source
	for _, name := range split(c.config["transforms"]) {
		of := "transforms." + name + "."
		if !strings.HasSuffix(c.config[of+"type"], "RegexRouter") && !strings.HasSuffix(c.config[of+"type"], "ByLogicalTableRouter") {
			continue
		}
		pattern := cmp.Or(c.config[of+"regex"], c.config[of+"topic.regex"])
		replacement := cmp.Or(c.config[of+"replacement"], c.config[of+"topic.replacement"])
		compiled, err := regexp.Compile("^(?:" + pattern + ")$")
		if err == nil && compiled.MatchString(topic) {
			topic = compiled.ReplaceAllString(topic, goTemplate(replacement))
		}
	}
	return topic
}

// goTemplate writes Java's $1 as Go does, which takes $1a for a name.
func goTemplate(replacement string) string {
	return regexp.MustCompile(`\$(\d+)`).ReplaceAllString(replacement, `$${${1}}`)
}

// checkEpoch looks for the connector's prefix in CDC_EPOCHS.
func (c *connectorCheck) checkEpoch() {
	prefix := c.config["topic.prefix"]
	if _, isKnown := c.options.Epochs[prefix]; isKnown {
		return
	}
	next := 0
	for _, epoch := range c.options.Epochs {
		next = max(next, int(epoch)+1)
	}
	c.fail(fmt.Sprintf("CDC_EPOCHS=%s,%s:%d, if it is the newest source", c.options.Epochs, prefix, next),
		"topic prefix %s has no epoch: its records pause their topics", prefix)
}
