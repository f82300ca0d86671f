package native

import (
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

// query is what a client asks for.
type query struct {
	body       string
	compressed bool
	settings   []engine.Setting
	parameters []engine.Parameter
}

// Flags of a setting.
const (
	settingImportant = 1
	settingCustom    = 2
)

func (c *connection) readQuery() (query, error) {
	f := &fields{in: c.in}
	f.text() // query id: the engine gives its own
	c.skipClientInfo(f)
	var q query
	for name := f.text(); name != ""; name = f.text() {
		flags, value := f.varint(), f.text()
		if flags&settingCustom != 0 {
			value = statement.Unquote(value)
		}
		q.settings = append(q.settings, engine.Setting{Name: name, Value: value, Important: flags&settingImportant != 0})
	}
	if proto.FeatureInterServerSecret.In(c.revision) {
		f.text()
	}
	f.varint() // stage
	q.compressed = f.varint() != 0
	q.body = f.text()
	if proto.FeatureParameters.In(c.revision) {
		for name := f.text(); name != ""; name = f.text() {
			f.varint() // flags
			q.parameters = append(q.parameters, engine.Parameter{Name: name, Value: statement.Unquote(f.text())})
		}
	}
	if f.err != nil {
		return q, fmt.Errorf("reading query: %w", f.err)
	}
	return q, nil
}

// skipClientInfo passes what a client tells of itself.
func (c *connection) skipClientInfo(f *fields) {
	if kind := f.byte(); kind == byte(proto.ClientQueryNone) {
		return
	}
	f.text() // initial user, query id and address
	f.text()
	f.text()
	if proto.FeatureQueryStartTime.In(c.revision) {
		f.skip(8)
	}
	if kind := f.byte(); f.err == nil && kind != byte(proto.InterfaceTCP) {
		f.fail(fmt.Errorf("client's interface %d is not TCP", kind))
	}
	f.text() // user of the operating system, host and name of the client
	f.text()
	f.text()
	f.varint() // major and minor version, revision
	f.varint()
	f.varint()
	f.text() // quota key
	if proto.FeatureDistributedDepth.In(c.revision) {
		f.varint()
	}
	f.varint() // patch version
	if proto.FeatureOpenTelemetry.In(c.revision) && f.byte() != 0 {
		f.skip(16 + 8) // ids of trace and span
		f.text()       // trace state
		f.byte()       // trace flags
	}
	if proto.FeatureParallelReplicas.In(c.revision) {
		f.varint()
		f.varint()
		f.varint()
	}
}

// compression is how blocks of the answer are compressed: with LZ4, unless the
// query says otherwise.
func (q query) compression() compress.Method {
	if !q.compressed {
		return unframed
	}
	for _, setting := range q.settings {
		if setting.Name != "network_compression_method" {
			continue
		}
		switch strings.ToUpper(setting.Value) {
		case "ZSTD":
			return compress.ZSTD
		case "NONE":
			return compress.None
		case "LZ4HC":
			return compress.LZ4HC
		}
	}
	return compress.LZ4
}
