package chserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is the deadline of everything that must not take long.
const bound = 30 * time.Second

// deadline returns a context with that deadline.
func deadline(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), bound)
	tb.Cleanup(cancel)
	return ctx
}

// dial connects to the server's database nova.
func dial(tb testing.TB, server *chtest.Server, change ...func(*ch.Options)) *ch.Client {
	tb.Helper()
	// ch-go notices the end of a context when a read times out.
	options := ch.Options{Address: server.Addr, Database: "nova", DialTimeout: bound, ReadTimeout: 100 * time.Millisecond}
	for _, f := range change {
		f(&options)
	}
	client, err := ch.Dial(deadline(tb), options)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = client.Close() }) // some tests close it themselves
	return client
}

func execute(tb testing.TB, client *ch.Client, sql string) {
	tb.Helper()
	require.NoError(tb, client.Do(deadline(tb), ch.Query{Body: sql}), sql)
}

// requireException requires an exception with that code.
func requireException(tb testing.TB, err error, code proto.Error) {
	tb.Helper()
	var exception *ch.Exception
	require.ErrorAs(tb, err, &exception)
	require.Equal(tb, code, exception.Code, exception.Message)
}

// selectOne returns the single value of a SELECT.
func selectOne[T any](tb testing.TB, client *ch.Client, column proto.ColumnOf[T], sql string) T {
	tb.Helper()
	require.NoError(tb, client.Do(deadline(tb), ch.Query{Body: sql, Result: proto.Results{{Name: "v", Data: column}}}), sql)
	require.Equal(tb, 1, column.Rows(), sql)
	return column.Row(0)
}

func count(tb testing.TB, client *ch.Client, table string) uint64 {
	tb.Helper()
	return selectOne(tb, client, new(proto.ColUInt64), "SELECT count() AS v FROM "+table)
}

// await polls until ok.
func await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for ctx := deadline(tb); !ok(); {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			tb.Fatal("waiting in vain until " + what)
		}
	}
}

// ids returns a block of consecutive numbers.
func ids(from, rows int) *proto.ColUInt64 {
	column := make(proto.ColUInt64, rows)
	for i := range column {
		column[i] = uint64(from + i)
	}
	return &column
}

// Ping, the hello's database and its refusals are as ClickHouse's.
func TestHello(t *testing.T) {
	server := chtest.Start(t)
	client := dial(t, server)
	require.NoError(t, client.Ping(deadline(t)))
	require.Equal(t, "nova", selectOne(t, client, new(proto.ColStr), "SELECT currentDatabase() AS v"))
	info := client.ServerInfo()
	require.Equal(t, "ClickHouse", info.Name)
	require.Equal(t, 54460, info.Revision)
	require.Equal(t, selectOne(t, client, new(proto.ColStr), "SELECT timezone() AS v"), info.Timezone)

	for _, refused := range []struct {
		change func(*ch.Options)
		code   proto.Error
	}{
		{func(o *ch.Options) { o.Database = "missing" }, proto.ErrUnknownDatabase},
		{func(o *ch.Options) { o.User = "nobody" }, proto.ErrAuthenticationFailed},
		{func(o *ch.Options) { o.Password = "wrong" }, proto.ErrAuthenticationFailed},
	} {
		options := ch.Options{Address: server.Addr, Database: "nova"}
		refused.change(&options)
		_, err := ch.Dial(deadline(t), options)
		requireException(t, err, refused.code)
	}

	execute(t, client, "CREATE DATABASE other")
	other := dial(t, server, func(o *ch.Options) { o.Database = "other" })
	require.Equal(t, "other", selectOne(t, other, new(proto.ColStr), "SELECT currentDatabase() AS v"))
}

// Older revisions of the protocol, which frame blocks and packets differently,
// work as the newest does.
func TestRevisions(t *testing.T) {
	server := chtest.Start(t)
	execute(t, dial(t, server), "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	for i, revision := range []int{54429, 54441, 54447, 54449, 54453, 54454, 54458, 54459, 54460} {
		client := dial(t, server, func(o *ch.Options) { o.ProtocolVersion = revision })
		require.NoError(t, client.Do(deadline(t), ch.Query{
			Body: "INSERT INTO t VALUES", Input: proto.Input{{Name: "v", Data: ids(i, 1)}},
		}), revision)
		require.Equal(t, uint64(i+1), count(t, client, "t"), revision)
	}
	_, err := ch.Dial(deadline(t), ch.Options{Address: server.Addr, ProtocolVersion: 54428})
	requireException(t, err, proto.ErrNotImplemented)
}

// A setting of the server's holds in every session and again after a query that said
// otherwise; one that the engine lacks is refused.
func TestSettings(t *testing.T) {
	server := chtest.Start(t, chtest.WithFlags("--set", "max_block_size=777"))
	client := dial(t, server)
	const read = "SELECT toUInt64(getSetting('max_block_size')) AS v"
	require.EqualValues(t, 777, selectOne(t, client, new(proto.ColUInt64), read))
	var other proto.ColUInt64
	require.NoError(t, client.Do(deadline(t), ch.Query{
		Body: read, Result: proto.Results{{Name: "v", Data: &other}}, Settings: []ch.Setting{{Key: "max_block_size", Value: "5"}},
	}))
	require.EqualValues(t, 5, other.Row(0))
	require.EqualValues(t, 777, selectOne(t, client, new(proto.ColUInt64), read))
	require.Equal(t, "777", server.Query(read))

	server.Restart(chtest.WithFlags("--set", "no_such_setting=1"))
	_, err := server.Do(deadline(t), "SELECT 1", nil)
	require.ErrorContains(t, err, "no_such_setting")
}
