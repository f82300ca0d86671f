package feedcache_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/nova-data/nova/pkg/redistest"
)

// startCluster starts two masters that share the slots, and returns the ports of
// their buses too.
func startCluster(t *testing.T) (nodes [2]*redistest.Server, buses [2]string) {
	t.Helper()
	for i, slots := range [][2]string{{"0", "8191"}, {"8192", "16383"}} {
		buses[i] = freePort(t)
		nodes[i] = redistest.Start(t, redistest.WithArguments("--cluster-enabled", "yes", "--cluster-port", buses[i]))
		require.Equal(t, "OK", nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]))
	}
	meet(t, nodes[0], nodes[1], buses[1])
	require.Eventually(t, func() bool {
		return strings.Contains(nodes[0].Do("CLUSTER", "INFO"), "cluster_state:ok") && strings.Contains(nodes[1].Do("CLUSTER", "INFO"), "cluster_state:ok")
	}, 20*time.Second, 20*time.Millisecond)
	return nodes, buses
}

func meet(t *testing.T, node, other *redistest.Server, bus string) {
	t.Helper()
	host, port, err := net.SplitHostPort(other.Addr)
	require.NoError(t, err)
	require.Equal(t, "OK", node.Do("CLUSTER", "MEET", host, port, bus))
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// In a cluster, where the keys of one user lie on different nodes, pages are
// written, invalidated by index and swept on every node.
func TestCluster(t *testing.T) {
	nodes, _ := startCluster(t)
	f := &fixture{t: t, server: nodes[0], reader: sdkmetric.NewManualReader()}
	f.Cache = open(t, nodes[0], f.reader)
	users := make([]uuid.UUID, 40)
	for i := range users {
		users[i] = uuid.New()
		f.write(users[i], first)
	}
	require.NotEqual(t, "0", nodes[0].Do("DBSIZE"))
	require.NotEqual(t, "0", nodes[1].Do("DBSIZE"))
	_, found, err := f.Read(t.Context(), users[0], first)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, 20, f.invalidate(users[:20]...))
	assert.Equal(t, 20, f.sweep(users...))
	assert.Zero(t, f.invalidate(users...))
}

// A replica that is away keeps nobody from the pages, which its master has; a
// master that is away does.
func TestClusterWithoutItsReplica(t *testing.T) {
	nodes, buses := startCluster(t)
	replica := redistest.Start(t, redistest.WithArguments("--cluster-enabled", "yes", "--cluster-port", freePort(t)))
	meet(t, replica, nodes[0], buses[0])
	id := nodes[0].Do("CLUSTER", "MYID")
	require.Eventually(t, func() bool { return replica.Do("CLUSTER", "REPLICATE", id) == "OK" }, 20*time.Second, 20*time.Millisecond)
	_, port, err := net.SplitHostPort(replica.Addr)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // clients learn the nodes from this
		return strings.Contains(nodes[0].Do("CLUSTER", "SLOTS"), port) && strings.Contains(nodes[1].Do("CLUSTER", "SLOTS"), port)
	}, 30*time.Second, 20*time.Millisecond)

	f := &fixture{t: t, server: nodes[0], reader: sdkmetric.NewManualReader()}
	f.Cache = open(t, nodes[0], f.reader)
	users := make([]uuid.UUID, 20)
	for i := range users {
		users[i] = uuid.New()
		f.write(users[i], first)
	}
	replica.Kill()
	assert.Equal(t, 10, f.invalidate(users[:10]...))
	assert.Equal(t, 10, f.sweep(users...))

	nodes[1].Kill()
	_, err = f.Sweep(t.Context(), func(uuid.UUID) bool { return true })
	require.ErrorContains(t, err, "sweeping Redis at "+nodes[1].Addr)
}
