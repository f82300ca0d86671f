package dedup_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/redistest"
)

// startCluster runs a Redis Cluster of three masters.
func startCluster(t *testing.T) []*redistest.Server {
	t.Helper()
	const slots = 16384
	var servers []*redistest.Server
	var buses []string
	for i := range 3 {
		bus := freePort(t)
		server := redistest.Start(t, redistest.WithArguments("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"))
		require.Equal(t, "OK", server.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/3), strconv.Itoa((i+1)*slots/3-1)))
		servers, buses = append(servers, server), append(buses, bus)
	}
	host, port, err := net.SplitHostPort(servers[0].Addr)
	require.NoError(t, err)
	for i, server := range servers {
		require.Equal(t, "OK", server.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)))
		if i > 0 {
			require.Equal(t, "OK", server.Do("CLUSTER", "MEET", host, port, buses[0]))
		}
	}
	for _, server := range servers {
		eventually(t, func() bool {
			info := server.Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return servers
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// In a Redis Cluster, where the events of one batch lie on all nodes, each event
// has one record kept, replays keep their own, and redriven records take over,
// whichever node has not seen the script yet.
func TestCluster(t *testing.T) {
	servers := startCluster(t)
	f := open(t, servers[0].Addr)
	claims := make([]dedup.Claim, 3000)
	for i := range claims {
		claims[i] = record(1, int64(i))
		claims[i].TimeMS += int64(i % 2000)
	}
	wanted := make([]bool, len(claims))
	for i := range 2000 {
		wanted[i] = true
	}
	assert.Equal(t, wanted, f.claim(t, claims...))
	assert.Equal(t, wanted, open(t, servers[1].Addr).claim(t, claims...), "a replay after a restart")
	for _, server := range servers {
		assert.NotEqual(t, "0", server.Do("DBSIZE"))
	}

	copies := make([]dedup.Claim, 2000)
	for i := range copies {
		copies[i] = redriven(1, int64(10_000+i), int64(i))
		copies[i].TimeMS = claims[i].TimeMS
		copies[i].Origin = fmt.Sprintf("events/0/%d", i)
	}
	for range 2 {
		kept := f.claim(t, copies...)
		assert.NotContains(t, kept, false)
	}
	assert.NotContains(t, f.claim(t, claims...), true)
}
