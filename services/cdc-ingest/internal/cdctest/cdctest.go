package cdctest

import (
	"embed"
	"fmt"
	"strings"
	"testing"
)

//go:embed records/*.tsv
var records embed.FS

// Record is a key and a value on a topic; nil is null.
type Record struct{ Key, Value []byte }

// Capture returns the records that the connector wrote for a table.
func Capture(tb testing.TB, table string) []Record {
	tb.Helper()
	lines, err := records.ReadFile("records/" + table + ".tsv")
	if err != nil {
		tb.Fatalf("reading the capture: %v", err)
	}
	var captured []Record
	for line := range strings.Lines(string(lines)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		captured = append(captured, Record{Key: orNull(key), Value: orNull(value)})
	}
	return captured
}

func orNull(text string) []byte {
	if text == "NULL" {
		return nil
	}
	return []byte(text)
}

// Change is a change event made by hand. Before and After are JSON objects; ""
// is null.
type Change struct {
	Op            string
	Table         string
	LSN           uint64
	Before, After string
	Prefix        string // of the topic; "" is nova
	CommitMillis  int64  // since 1970
}

// Record is the change on its topic, under the key.
func (c Change) Record(id string) Record {
	prefix, snapshot := c.Prefix, "false"
	if prefix == "" {
		prefix = "nova"
	}
	if c.Op == "r" {
		snapshot = "true"
	}
	return Record{
		Key: fmt.Appendf(nil, `{"id":%q}`, id),
		Value: fmt.Appendf(nil, `{"before":%s,"after":%s,"source":{"version":"3.6.3.Final","connector":"postgresql","name":%q,"ts_ms":%d,"snapshot":%q,"db":"nova",`+
			`"sequence":"[null,\"%d\"]","schema":"public","table":%q,"txId":1,"lsn":%d,"xmin":null},"transaction":null,"op":%q,"ts_ms":%d}`,
			orNullText(c.Before), orNullText(c.After), prefix, c.CommitMillis, snapshot, c.LSN, c.Table, c.LSN, c.Op, c.CommitMillis),
	}
}

func orNullText(object string) string {
	if object == "" {
		return "null"
	}
	return object
}
