package clickhouse_test

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// every is a block with a column of each type.
type every struct {
	block *block.Block
	row   func(t *testing.T, text string)
}

func newEvery() every {
	var (
		id   = block.UUID("id")
		i8   = block.Int8("i8")
		i16  = block.Int16("i16")
		i32  = block.Int32("i32")
		i64  = block.Int64("i64")
		u8   = block.UInt8("u8")
		u16  = block.UInt16("u16")
		u32  = block.UInt32("u32")
		u64  = block.UInt64("u64")
		f64  = block.Float64("f64")
		b    = block.Bool("b")
		s    = block.String("s")
		ns   = block.NullableString("ns")
		lc   = block.LowCardinality("lc")
		m    = block.Map("m")
		ms   = block.DateTime64Milli("ms")
		us   = block.DateTime64Micro("us")
		nus  = block.NullableDateTime64Micro("nus")
		nid  = block.NullableUUID("nid")
		nu64 = block.NullableOf(block.UInt64("nu64"))
	)
	const identity, farAway = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", int64(1) << 60
	return every{
		block: block.New(id, i8, i16, i32, i64, u8, u16, u32, u64, f64, b, s, ns, lc, m, ms, us, nus, nid, nu64),
		row: func(t *testing.T, text string) {
			t.Helper()
			require.NoError(t, id.AppendText([]byte(identity)))
			i8.Append(-8)
			i16.Append(-16)
			i32.Append(-32)
			i64.Append(-64)
			u8.Append(8)
			u16.Append(16)
			u32.Append(32)
			u64.Append(1<<64 - 1)
			f64.Append(1.5)
			b.Append(true)
			s.Append(text)
			ns.Append(text)
			lc.Append("ios")
			m.Append(map[string]string{"k": "v"})
			require.False(t, ms.AppendMillis(-1))
			require.True(t, us.AppendMicros(farAway))
			require.True(t, nus.AppendMicros(-farAway))
			require.NoError(t, nid.AppendText([]byte(identity)))
			nu64.Append(7)
		},
	}
}

func (e every) appendRow(t *testing.T, text string) {
	t.Helper()
	e.row(t, text)
}

func (e every) appendDefaults() {
	for _, column := range e.block.Columns() {
		column.AppendDefault()
	}
}

// relay passes bytes between a client and a server, counts connections, keeps
// what the client sent, and can fall silent.
type relay struct {
	address  string
	listener net.Listener

	mu          sync.Mutex
	connections []net.Conn
	clients     int
	fromClient  []byte
	allowed     int
	isLimited   bool
}

func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveRelay(t, listener, target)
}

func serveRelay(t *testing.T, listener net.Listener, target string) *relay {
	t.Helper()
	r := &relay{address: listener.Addr().String(), listener: listener}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", target, time.Second)
			if err != nil {
				_ = client.Close()
				continue
			}
			r.mu.Lock()
			r.clients++
			r.connections = append(r.connections, client, server)
			r.mu.Unlock()
			running.Go(func() { r.pass(server, client, r.keep) })
			running.Go(func() { r.pass(client, server, r.admit) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.mu.Lock()
		for _, connection := range r.connections {
			_ = connection.Close()
		}
		r.mu.Unlock()
		running.Wait()
	})
	return r
}

// pass copies from one side to the other what admit lets through, and drops the
// rest while the connections stay open.
func (r *relay) pass(to, from net.Conn, admit func([]byte) []byte) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if _, writeErr := to.Write(admit(buffer[:n])); err != nil || writeErr != nil {
			return
		}
	}
}

func (r *relay) keep(chunk []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fromClient = append(r.fromClient, chunk...)
	return chunk
}

func (r *relay) admit(chunk []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isLimited {
		return chunk
	}
	chunk = chunk[:min(len(chunk), r.allowed)]
	r.allowed -= len(chunk)
	return chunk
}

// silenceAfter drops all but the next n bytes of the server's.
func (r *relay) silenceAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isLimited, r.allowed = true, n
}

func (r *relay) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clients
}

func (r *relay) sent() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.fromClient)
}

// patience bounds what a test lets a server take.
const patience = 30 * time.Second

// encoder writes attributes as "key=value key=value".
type encoder struct{}

func (encoder) Encode(attributes attribute.Iterator) string {
	var pairs []string
	for attributes.Next() {
		pair := attributes.Attribute()
		pairs = append(pairs, string(pair.Key)+"="+pair.Value.String())
	}
	return strings.Join(pairs, " ")
}

func (encoder) ID() attribute.EncoderID { return attribute.EncoderID{} }

func number(value int64) string { return strconv.FormatInt(value, 10) }
