package native_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/native"
)

const bound = 30 * time.Second

// start serves an engine in this process, and returns its address and what
// ends it.
func start(t *testing.T) (address string, stop func()) {
	t.Helper()
	library, err := engine.LibraryPath("")
	require.NoError(t, err)
	e, err := engine.Open(engine.Config{Library: library, DataDir: t.TempDir(), Database: "nova"})
	require.NoError(t, err)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	server := native.New(native.Deps{Engine: e, Database: "nova", Log: slog.New(slog.DiscardHandler)})
	go func() { served <- server.Serve(ctx, listener) }()
	return listener.Addr().String(), sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-served)
		require.NoError(t, e.Close())
	})
}

func dial(t *testing.T, address string) *ch.Client {
	t.Helper()
	client, err := ch.Dial(t.Context(), ch.Options{Address: address, Database: "nova", Compression: ch.CompressionLZ4, DialTimeout: bound})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Connections share nothing that they must not; the end of the server ends
// them all, those that are busy too, and leaves nothing behind.
func TestServe(t *testing.T) {
	address, stop := start(t)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	require.NoError(t, dial(t, address).Do(ctx, ch.Query{Body: "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v"}))
	dial(t, address) // stays idle

	var writers sync.WaitGroup
	for range 4 {
		client := dial(t, address)
		writers.Go(func() {
			for range 5 {
				if err := client.Do(ctx, ch.Query{Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: &proto.ColUInt64{1, 2, 3}}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	var n proto.ColUInt64
	require.NoError(t, dial(t, address).Do(ctx, ch.Query{Body: "SELECT count() AS n FROM t", Result: proto.Results{{Name: "n", Data: &n}}}))
	require.Equal(t, uint64(60), n.Row(0))

	scanner, begun := dial(t, address), make(chan struct{})
	scan := make(chan error, 1)
	go func() {
		var v proto.ColUInt64
		first := sync.OnceFunc(func() { close(begun) })
		scan <- scanner.Do(ctx, ch.Query{
			Body: "SELECT number AS v FROM system.numbers", Result: proto.Results{{Name: "v", Data: &v}},
			OnResult: func(context.Context, proto.Block) error { first(); return nil },
		})
	}()
	<-begun
	stop()
	require.Error(t, <-scan)
	_, err := ch.Dial(ctx, ch.Options{Address: address})
	require.Error(t, err)
}
