package clustertest

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
	"github.com/nova-data/nova/tilt/e2e/chaos/proxy"
)

// Mark is a variable in the environment of every process of a cluster.
const Mark = "NOVA_CHAOS"

// Options say what to run.
type Options struct {
	// Kafka is Fake or Apache.
	Kafka string
	// Services maps each service to its number of replicas.
	Services map[string]int
	// Env is added to the environment of all services.
	Env []string
	// Topics exist before the declared ones are made, and are then left as they are.
	Topics []kafkatest.Topic
	// Logs is a directory that keeps the services' logs; empty is one of the test's.
	Logs string
	// Merges lets post_events merge, as it does for users.
	Merges bool
}

// Cluster is a running system.
type Cluster struct {
	Kafka           Kafka
	ClickHouse      *chtest.Server
	Redis           *redistest.Server
	ClickHouseProxy *proxy.Proxy
	RedisProxy      *proxy.Proxy

	tb      testing.TB
	options Options
	bin     string
	dir     string
	logs    string
	http    *http.Client
	mark    string

	started  map[string]int
	all      []*Instance // that run, and those that were removed
	replicas map[string][]*Instance
}

// Start runs a cluster until the end of the test.
func Start(tb testing.TB, options Options) *Cluster {
	tb.Helper()
	bin, err := buildOnce()
	require.NoError(tb, err)
	c := &Cluster{
		tb: tb, options: options, bin: bin, dir: tb.TempDir(), logs: options.Logs,
		http: &http.Client{Transport: &http.Transport{}}, started: map[string]int{}, replicas: map[string][]*Instance{},
	}
	c.mark = filepath.Base(filepath.Dir(c.dir)) + "-" + strconv.Itoa(os.Getpid())
	tb.Setenv(Mark, c.mark)        // which every process inherits
	tb.Cleanup(c.requireNoProcess) // after all other cleanups
	if c.logs == "" {
		c.logs = c.dir
	}
	require.NoError(tb, os.MkdirAll(c.logs, 0o750))
	c.Kafka = startKafka(tb, options.Kafka, options.Topics)
	c.ClickHouse = chtest.Start(tb, clickHouseFlags())
	c.Redis = redistest.Start(tb)
	c.ClickHouseProxy, c.RedisProxy = c.listen(c.ClickHouse.Addr), c.listen(c.Redis.Addr)
	c.migrate()
	tb.Cleanup(c.close)
	for service, n := range options.Services {
		for range n {
			c.replicas[service] = append(c.replicas[service], c.newInstance(service))
		}
	}
	c.awaitReady()
	return c
}

// clickHouseFlags keep rows of one block that share a key apart.
func clickHouseFlags() chtest.Option { return chtest.WithFlags("--set", "optimize_on_insert=0") }

// RestartClickHouse starts ClickHouse again on its data.
func (c *Cluster) RestartClickHouse() {
	c.tb.Helper()
	c.ClickHouse.Restart(clickHouseFlags())
}

// ClickHousePID is the number of ClickHouse's process.
func (c *Cluster) ClickHousePID() (int, error) {
	marked, err := process.Marked(Mark + "=" + c.mark)
	if err != nil {
		return 0, err
	}
	for pid, line := range marked {
		if strings.Contains(line, c.ClickHouse.Data) {
			return pid, nil
		}
	}
	return 0, errors.New("ClickHouse does not run")
}

func (c *Cluster) listen(target string) *proxy.Proxy {
	c.tb.Helper()
	p, err := proxy.Listen(target)
	require.NoError(c.tb, err)
	c.tb.Cleanup(p.Close)
	return p
}

// migrate makes tables and topics, and lets post_events keep every row.
func (c *Cluster) migrate() {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(c.bin, "jobs"), "migrate") //nolint:gosec // our own
	command.Env, command.Dir = c.serviceEnv(), c.dir
	output, err := command.CombinedOutput()
	require.NoError(c.tb, err, string(output))
	settings := []string{"parts_to_delay_insert = 1000000", "parts_to_throw_insert = 1000000"}
	if !c.options.Merges {
		settings = append(settings, "max_bytes_to_merge_at_max_space_in_pool = 1", "max_bytes_to_merge_at_min_space_in_pool = 1")
	}
	c.ClickHouse.Exec("ALTER TABLE post_events MODIFY SETTING " + strings.Join(settings, ", "))
}

// Replicas returns a service's instances.
func (c *Cluster) Replicas(service string) []*Instance { return c.replicas[service] }

// Add starts one more replica of a service, and Remove ends it as an orchestrator
// does.
func (c *Cluster) Add(service string) *Instance {
	c.tb.Helper()
	added := c.newInstance(service)
	c.replicas[service] = append(c.replicas[service], added)
	return added
}

// stopWithin is more than a service needs to drain.
const stopWithin = 20 * time.Second

// Remove is the end of Add. It waits until the instance is there: a program that is
// ended before it can know of signals has not failed to drain.
func (c *Cluster) Remove(i *Instance) error {
	require.Eventually(c.tb, func() bool {
		status, _ := i.Call(context.Background(), http.MethodGet, "/livez", nil)
		return status == http.StatusOK
	}, readyWithin, pollEvery, "%s does not live", i.Name())
	kept := c.replicas[i.Service][:0:0]
	for _, other := range c.replicas[i.Service] {
		if other != i {
			kept = append(kept, other)
		}
	}
	c.replicas[i.Service] = kept
	return i.Stop(stopWithin)
}

// Problems says which services have ended by themselves so far.
func (c *Cluster) Problems() []string {
	var problems []string
	for _, i := range c.all {
		for _, problem := range i.Problems() {
			problems = append(problems, problem+"; the end of its log:\n"+tail(i.Log()))
		}
	}
	return problems
}

// Strays returns the command lines of processes that belong to the cluster and
// should not run.
func (c *Cluster) Strays() []string {
	c.tb.Helper()
	marked, err := process.Marked(Mark + "=" + c.mark)
	require.NoError(c.tb, err)
	for _, i := range c.all {
		delete(marked, i.Process().PID())
	}
	var strays []string
	for _, line := range marked {
		isServer := strings.Contains(line, c.ClickHouse.Data) || strings.HasPrefix(line, "redis-server") || strings.Contains(line, "kafka.Kafka")
		if !isServer {
			strays = append(strays, line)
		}
	}
	return strays
}

// Environment is what every process of the cluster has in its environment.
func (c *Cluster) Environment() []string { return environment() }

// requireNoProcess fails the test if a process of the cluster is left.
func (c *Cluster) requireNoProcess() {
	marked, err := process.Marked(Mark + "=" + c.mark)
	if err != nil || len(marked) > 0 {
		c.tb.Errorf("processes that are left: %v, %v", marked, err)
	}
}

const (
	readyWithin = time.Minute
	pollEvery   = 20 * time.Millisecond
)

// awaitReady waits until all services say that they are ready.
func (c *Cluster) awaitReady() {
	c.tb.Helper()
	for _, i := range c.all {
		var status int
		var answer string
		require.Eventually(c.tb, func() bool {
			status, answer = i.Call(context.Background(), http.MethodGet, "/readyz", nil)
			return status == http.StatusOK
		}, readyWithin, pollEvery, "%s is not ready", i.Name())
		_ = answer
	}
}

// close ends all services, and shows their logs if the test has failed.
func (c *Cluster) close() {
	for _, i := range c.all {
		i.Close()
		if c.tb.Failed() {
			c.tb.Logf("end of the log of %s:\n%s", i.Name(), tail(i.Log()))
		}
	}
	c.http.CloseIdleConnections()
}

// InsertFault is what is to happen to the next inserts.
type InsertFault struct {
	// Action is "exception", "cut" or "exit".
	Action string
	// After says that the rows are stored first.
	After bool
	Code  int
	Count int
	Table string
}

// FailInserts plans a fault, until ClickHouse restarts.
func (c *Cluster) FailInserts(f InsertFault) {
	c.tb.Helper()
	planned := chtest.Fault{Action: f.Action, When: "before", Code: f.Code, Count: f.Count, Table: f.Table}
	if f.After {
		planned.When = "after"
	}
	c.ClickHouse.Fault(planned)
}
