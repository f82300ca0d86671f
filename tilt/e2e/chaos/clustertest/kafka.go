package clustertest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

// The Kafkas there are.
const (
	Fake   = "kfake"
	Apache = "apache"
)

// Kafka is a cluster that can be restarted.
type Kafka interface {
	Brokers() []string
	// Stop ends all brokers, as hard as the cluster can be ended without losing
	// what it has acknowledged.
	Stop()
	// Start starts them again, with all data, and returns when they answer.
	Start()
}

func startKafka(tb testing.TB, kind string, topics []kafkatest.Topic) Kafka {
	tb.Helper()
	switch kind {
	case Fake:
		return &fakeKafka{kafkatest.Start(tb, topics...)}
	case Apache:
		require.Empty(tb, topics, "topics of a test's own need %s", Fake)
		return startApache(tb)
	default:
		require.Fail(tb, "unknown kind of Kafka", "%q is neither %s nor %s", kind, Fake, Apache)
		return nil
	}
}

type fakeKafka struct{ cluster *kafkatest.Cluster }

func (k *fakeKafka) Brokers() []string { return k.cluster.Brokers }
func (k *fakeKafka) Stop()             { k.cluster.Stop() }
func (k *fakeKafka) Start()            { k.cluster.Restart() }

// apacheKafka is Apache Kafka as the local stack runs it. It is ended by SIGKILL.
type apacheKafka struct {
	tb      testing.TB
	spec    process.Spec
	address string
	process *process.Process
}

const (
	apachePatience = 90 * time.Second
	// The stack's ports for Kafka.
	kafkaPort, controllerPort = 9092, 9093
)

func startApache(tb testing.TB) *apacheKafka {
	tb.Helper()
	root, err := chtest.Workspace()
	require.NoError(tb, err)
	dir, base := tb.TempDir(), freePortBase(tb, kafkaPort, controllerPort)
	k := &apacheKafka{tb: tb, address: fmt.Sprintf("127.0.0.1:%d", base+kafkaPort)}
	bin, err := buildOnce()
	require.NoError(tb, err)
	k.spec = process.Spec{
		Name: "kafka", Path: filepath.Join(bin, "stack"), Args: []string{"kafka"}, Dir: root, Log: filepath.Join(dir, "kafka.log"),
		Env: environment("RUN_DIR="+dir, "PORT_BASE="+strconv.Itoa(base)),
	}
	tb.Cleanup(func() {
		if k.process != nil {
			k.process.Kill()
		}
		if tb.Failed() {
			tb.Logf("end of Kafka's log:\n%s", tail(k.spec.Log))
		}
	})
	k.Start()
	return k
}

// Brokers implements Kafka.
func (k *apacheKafka) Brokers() []string { return []string{k.address} }

// Stop implements Kafka.
func (k *apacheKafka) Stop() { k.process.Kill() }

// Start implements Kafka.
func (k *apacheKafka) Start() {
	k.tb.Helper()
	var err error
	k.process, err = process.Start(k.spec)
	require.NoError(k.tb, err)
	ctx, cancel := context.WithTimeout(context.Background(), apachePatience)
	defer cancel()
	client := kafkaio.New(k.Brokers())
	defer client.Close()
	require.NoError(k.tb, client.AwaitBrokers(ctx))
}

// environment is that of a program: what this process was given for all of them, and
// more.
func environment(more ...string) []string {
	var env []string
	for _, entry := range new(exec.Cmd).Environ() {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains([]string{"PATH", "HOME", "TMPDIR", Mark}, name) {
			env = append(env, entry)
		}
	}
	return append(env, more...)
}
