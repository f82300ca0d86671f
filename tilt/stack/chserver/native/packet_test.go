package native

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reading returns a connection that reads these bytes.
func reading(sent []byte, revision int) *connection {
	in := bufio.NewReader(bytes.NewReader(sent))
	return &connection{in: in, frames: bufio.NewReader(compress.NewReader(in)), revision: revision, reframer: block.NewReframer(revision)}
}

func encodeQuery(q proto.Query, revision int) []byte {
	var b proto.Buffer
	q.EncodeAware(&b, revision)
	return b.Buf[1:] // without the packet's code
}

var exampleQuery = proto.Query{
	ID: "id", Body: "SELECT 1", Compression: proto.CompressionEnabled,
	Info: proto.ClientInfo{
		Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP, InitialUser: "u", ClientName: "c", QuotaKey: "q",
		Span: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}),
	},
	Settings: []proto.Setting{
		{Key: "a", Value: "1", Important: true}, {Key: "b", Value: "'2'"}, {Key: "c", Value: "'it\\'s'", Custom: true},
	},
	Parameters: []proto.Parameter{{Key: "p", Value: "'x'"}},
}

// A query is read whole at every revision, with and without what later ones
// have added.
func TestReadQuery(t *testing.T) {
	for _, revision := range []int{54429, 54441, 54442, 54447, 54448, 54449, 54453, 54458, 54459, 54460} {
		sent := encodeQuery(exampleQuery, revision)
		c := reading(append(sent, "next"...), revision)
		got, err := c.readQuery()
		require.NoError(t, err, revision)
		want := query{body: "SELECT 1", compressed: true, settings: []engine.Setting{
			{Name: "a", Value: "1", Important: true}, {Name: "b", Value: "'2'"}, {Name: "c", Value: "it's"},
		}}
		if revision >= 54459 {
			want.parameters = []engine.Parameter{{Name: "p", Value: "x"}}
		}
		require.Equal(t, want, got, revision)
		require.Equal(t, 4, c.in.Buffered(), revision)
		for cut := range sent {
			_, err := reading(sent[:cut], revision).readQuery()
			require.Error(t, err, cut)
		}
	}
}

// Answers are compressed as the query asks.
func TestCompression(t *testing.T) {
	method := func(value string) compress.Method {
		return query{compressed: true, settings: []engine.Setting{{Name: "x"}, {Name: "network_compression_method", Value: value}}}.compression()
	}
	require.Equal(t, compress.ZSTD, method("zstd"))
	require.Equal(t, compress.LZ4HC, method("LZ4HC"))
	require.Equal(t, compress.None, method("NONE"))
	require.Equal(t, compress.LZ4, method("LZ4"))
	require.Equal(t, compress.LZ4, query{compressed: true}.compression())
	require.Equal(t, unframed, query{}.compression())
}

// A version that is not of numbers is shown as far as it is.
func TestVersionNumbers(t *testing.T) {
	major, minor, patch := versionNumbers("26.7.2.1")
	require.Equal(t, [3]int{26, 7, 2}, [3]int{major, minor, patch})
	major, minor, patch = versionNumbers("26.x")
	require.Equal(t, [3]int{26, 0, 0}, [3]int{major, minor, patch})
}

// No bytes make the parser of the protocol fail other than by an error, in any
// place where a client may send some.
func FuzzPackets(f *testing.F) {
	var hello, compressed proto.Buffer
	proto.ClientHello{Name: "n", ProtocolVersion: Revision, Database: "d", User: "u"}.Encode(&hello)
	f.Add(hello.Buf[1:])
	f.Add(encodeQuery(exampleQuery, Revision))
	data := append([]byte{0}, block.NewReframer(Revision).AppendHeader(nil, []block.Column{{Name: "v", Type: "UInt8"}})...)
	f.Add(data)
	writer := compress.NewWriter(compress.LevelZero, compress.ZSTD)
	require.NoError(f, writer.Compress(data[1:]))
	compressed.PutString("")
	compressed.PutRaw(writer.Data)
	f.Add(compressed.Buf)
	f.Fuzz(func(_ *testing.T, sent []byte) {
		_, _ = reading(sent, Revision).readHello()
		_, _ = reading(sent, Revision).readQuery()
		_, _ = reading(sent, oldest).readQuery()
		for _, isCompressed := range []bool{false, true} {
			r := &run{connection: reading(sent, Revision), query: query{compressed: isCompressed}}
			_, _ = r.readBlock()
		}
	})
}
