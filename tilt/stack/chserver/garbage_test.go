package chserver_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// talk sends bytes to the server and returns what it answers until it closes
// the connection, or for a moment when it waits for more.
func talk(t *testing.T, server *chtest.Server, sent []byte) []byte {
	t.Helper()
	var dialer net.Dialer
	socket, err := dialer.DialContext(deadline(t), "tcp", server.Addr)
	require.NoError(t, err)
	defer func() { _ = socket.Close() }()
	_, err = socket.Write(sent)
	require.NoError(t, err)
	require.NoError(t, socket.(*net.TCPConn).CloseWrite())
	require.NoError(t, socket.SetReadDeadline(time.Now().Add(bound)))
	answer, _ := io.ReadAll(socket) // a reset is an answer, too
	return answer
}

func hello() []byte {
	var b proto.Buffer
	proto.ClientHello{Name: "test", ProtocolVersion: 54460, Database: "nova", User: "default"}.Encode(&b)
	b.PutString("") // addendum
	return b.Buf
}

func query(sql string) []byte {
	var b proto.Buffer
	proto.Query{Body: sql, Info: proto.ClientInfo{
		Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP, ProtocolVersion: 54460,
	}}.EncodeAware(&b, 54460)
	b.PutRaw(endBlock())
	return b.Buf
}

// endBlock is the Data packet that ends blocks.
func endBlock() []byte {
	var b proto.Buffer
	proto.ClientCodeData.Encode(&b)
	b.PutString("")
	proto.Block{}.EncodeAware(&b, 54460)
	return b.Buf
}

func requireServes(t *testing.T, server *chtest.Server) {
	t.Helper()
	require.Equal(t, uint8(1), selectOne(t, dial(t, server), new(proto.ColUInt8), "SELECT 1 AS v"))
}

// A hello that is none is answered as ClickHouse does, and never more than its
// connection suffers.
func TestWrongHello(t *testing.T) {
	server := chtest.Start(t)
	require.Contains(t, string(talk(t, server, []byte("GET / HTTP/1.1\r\n\r\n"))), "400 Bad Request")
	require.Contains(t, string(talk(t, server, []byte{byte(proto.ClientCodePing)})), "Unexpected packet")
	require.Contains(t, string(talk(t, server, []byte{byte(proto.ClientCodeQuery)})), "Unexpected packet")
	require.Contains(t, string(talk(t, server, []byte{0xee})), "Unexpected packet")
	require.Empty(t, talk(t, server, nil))
	require.Empty(t, talk(t, server, hello()[:9]))
	require.Empty(t, talk(t, server, []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}))
	requireServes(t, server)
}

// Packets that break the protocol behind a good hello end their connection,
// with ClickHouse's exception when there is one.
func TestWrongPackets(t *testing.T) {
	server := chtest.Start(t)
	execute(t, dial(t, server), "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	answer := func(packets ...[]byte) string {
		return string(talk(t, server, append(hello(), bytes.Join(packets, nil)...)))
	}
	require.Contains(t, answer([]byte{0}), "Unexpected packet")
	require.Contains(t, answer([]byte{99}), "Unknown packet")
	require.Contains(t, answer(endBlock()), "Unexpected packet Data")
	insert := query("INSERT INTO t VALUES")
	require.Contains(t, answer(insert, query("SELECT 1")), "Unexpected packet Query")
	require.Contains(t, answer(insert, []byte{77}), "Unknown packet")
	require.Contains(t, answer(query("SELECT sum(number) FROM system.numbers"), query("SELECT 1")), "Unexpected packet Query")
	ping := []byte{byte(proto.ClientCodePing)}
	require.Contains(t, answer(insert, ping, endBlock(), ping), string([]byte{byte(proto.ServerCodePong)}))

	block := func(write func(b *proto.Buffer)) []byte {
		var b proto.Buffer
		proto.ClientCodeData.Encode(&b)
		b.PutString("")
		proto.BlockInfo{BucketNum: -1}.Encode(&b)
		write(&b)
		return b.Buf
	}
	for name, malformed := range map[string][]byte{
		"unknown information": {byte(proto.ClientCodeData), 0, 9},
		"huge":                block(func(b *proto.Buffer) { b.PutUVarInt(1); b.PutUVarInt(1 << 60) }),
		"many columns":        block(func(b *proto.Buffer) { b.PutUVarInt(1 << 40); b.PutUVarInt(1) }),
		"long name":           block(func(b *proto.Buffer) { b.PutUVarInt(1); b.PutUVarInt(1); b.PutUVarInt(1 << 50) }),
		"unknown type": block(func(b *proto.Buffer) {
			b.PutUVarInt(1)
			b.PutUVarInt(1)
			b.PutString("v")
			b.PutString("NoSuch(Type")
			b.PutByte(0)
		}),
		"backward offsets": block(func(b *proto.Buffer) {
			b.PutUVarInt(1)
			b.PutUVarInt(2)
			b.PutString("v")
			b.PutString("Array(UInt8)")
			b.PutByte(0)
			b.PutUInt64(5)
			b.PutUInt64(1)
		}),
	} {
		require.Contains(t, answer(insert, malformed), "DB::Exception", name)
		requireServes(t, server)
	}
	require.Zero(t, count(t, dial(t, server), "t"))
}

// Random bytes, and good conversations with random damage, never end the
// server.
func TestGarbage(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v UInt64, s LowCardinality(String), a Array(String)) ENGINE = MergeTree ORDER BY v")
	good := conversation(t, server)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		damaged := bytes.Clone(good)
		for range 1 + random.IntN(4) {
			damaged[random.IntN(len(damaged))] = byte(random.Uint32())
		}
		talk(t, server, damaged[:1+random.IntN(len(damaged))])
		noise := make([]byte, random.IntN(300))
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		talk(t, server, append(hello(), noise...))
	}
	requireServes(t, server)
	require.NoError(t, client.Ping(deadline(t)))
}

// conversation is what a client says for a SELECT and an INSERT.
func conversation(t *testing.T, server *chtest.Server) []byte {
	t.Helper()
	var said bytes.Buffer
	client := dial(t, server, func(o *ch.Options) { o.Dialer = recorder{to: &said} })
	var result proto.ColUInt8
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: "SELECT 1 AS v", Result: proto.Results{{Name: "v", Data: &result}}}))
	keys, lists := proto.NewLowCardinality(new(proto.ColStr)), proto.NewArray(new(proto.ColStr))
	for i := range 10 {
		keys.Append(strings.Repeat("k", i%3))
		lists.Append([]string{"a", strings.Repeat("b", i)})
	}
	input := proto.Input{{Name: "v", Data: ids(0, 10)}, {Name: "s", Data: keys}, {Name: "a", Data: lists}}
	require.NoError(t, client.Do(deadline(t), ch.Query{Body: input.Into("t"), Input: input}))
	require.NoError(t, client.Close())
	return said.Bytes()
}

// A frame that decompresses to something else than it says is an error of its
// connection.
func TestWrongFrames(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	execute(t, client, "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	var b proto.Buffer
	proto.Query{Body: "INSERT INTO t VALUES", Compression: proto.CompressionEnabled, Info: proto.ClientInfo{
		Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP,
	}}.EncodeAware(&b, 54460)
	proto.ClientCodeData.Encode(&b)
	b.PutString("")
	frame := make([]byte, 16+9)
	frame[16] = 0x82
	binary.LittleEndian.PutUint32(frame[17:], 1<<31)
	binary.LittleEndian.PutUint32(frame[21:], 1<<31)
	b.PutRaw(frame)
	require.Contains(t, string(talk(t, server, append(hello(), b.Buf...))), "DB::Exception")
	requireServes(t, server)
}

// Cancel of a running query ends its stream without an exception, and the
// connection goes on.
func TestCancelPacket(t *testing.T) {
	server := chtest.Start(t)
	cancel, ping := []byte{byte(proto.ClientCodeCancel)}, []byte{byte(proto.ClientCodePing)}
	sent := bytes.Join([][]byte{hello(), cancel, query("SELECT sum(number) FROM system.numbers"), cancel, ping}, nil)
	answer := talk(t, server, sent)
	require.True(t, bytes.HasSuffix(answer, []byte{byte(proto.ServerCodeEndOfStream), byte(proto.ServerCodePong)}), "%q", answer)
	require.NotContains(t, string(answer), "DB::Exception")

	execute(t, dial(t, server), "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	answer = talk(t, server, bytes.Join([][]byte{hello(), query("INSERT INTO t VALUES"), cancel, ping}, nil))
	require.True(t, bytes.HasSuffix(answer, []byte{byte(proto.ServerCodeEndOfStream), byte(proto.ServerCodePong)}), "%q", answer)
}
