package ports_test

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/ports"
)

// Every taken port is named at once, with who holds it and every way out; a free
// one is not.
func TestCheck(t *testing.T) {
	listen := func() (*net.TCPListener, ports.Use) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		return listener.(*net.TCPListener), ports.Use{Part: "part", Address: listener.Addr().String()}
	}
	_, redis := listen()
	redis.Part, redis.Variable = "redis", "REDIS_ADDR"
	_, connect := listen()
	connect.Part = "connect"
	freed, free := listen()
	free.Part = "kafka"
	require.NoError(t, freed.Close())

	err := ports.Check([]ports.Use{redis, free, connect})
	port := func(use ports.Use) string {
		_, port, err := net.SplitHostPort(use.Address)
		require.NoError(t, err)
		return port
	}
	self := fmt.Sprintf("(process %d)", os.Getpid())
	require.ErrorContains(t, err, "port "+port(redis)+", which redis needs, is taken by ports.test "+self+" (to use that server: REDIS_ADDR=…)\n")
	require.ErrorContains(t, err, "port "+port(connect)+", which connect needs, is taken by ports.test "+self+"\n")
	require.ErrorContains(t, err, "PORT_BASE=")
	require.NotContains(t, err.Error(), "kafka")

	require.NoError(t, ports.Check([]ports.Use{free}))
}

// An address that cannot be listened on at all is an error of its own.
func TestCheckForeignAddress(t *testing.T) {
	require.ErrorContains(t, ports.Check([]ports.Use{{Part: "redis", Address: "192.0.2.1:1"}}), "checking the port of redis")
}
