package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

// Instance is one replica of a service. Its methods may be used by any goroutine.
type Instance struct {
	*process.Replica

	Service string
	// Admin and HTTP are addresses; HTTP is that of an API, if the service has one.
	Admin, HTTP string

	client *http.Client
}

const requestTimeout = 10 * time.Second

// Call sends a request to the instance and returns its answer, 0 being none. The
// path is one of the admin address unless it begins with /v1.
func (i *Instance) Call(ctx context.Context, method, path string, body []byte) (status int, answer string) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	address := i.Admin
	if strings.HasPrefix(path, "/v1") {
		address = i.HTTP
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// Arm makes the count-th pass of a failpoint kill the instance; 0 takes it back.
func (i *Instance) Arm(ctx context.Context, point string, count int) error {
	body, err := json.Marshal(map[string]any{"point": point, "count": count})
	if err != nil {
		return err
	}
	if status, answer := i.Call(ctx, http.MethodPost, "/failpoints", body); status != http.StatusOK {
		return fmt.Errorf("arming %s of %s: status %d: %s", point, i.Name(), status, answer)
	}
	return nil
}

// newInstance starts a replica of a service.
func (c *Cluster) newInstance(service string) *Instance {
	c.tb.Helper()
	c.started[service]++
	name := fmt.Sprintf("%s-%d", service, c.started[service])
	i := &Instance{Service: service, Admin: freeAddress(c.tb), HTTP: freeAddress(c.tb), client: c.http}
	replica, err := process.Keep(process.Spec{
		Name: name, Path: filepath.Join(c.bin, service), Dir: c.dir, Log: filepath.Join(c.logs, name+".log"),
		Env: append(c.serviceEnv(), "ADMIN_ADDR="+i.Admin, "HTTP_ADDR="+i.HTTP, "KAFKA_CLIENT_ID="+name),
	})
	require.NoError(c.tb, err)
	i.Replica = replica
	c.all = append(c.all, i)
	return i
}

// serviceEnv is the environment of every service.
func (c *Cluster) serviceEnv() []string {
	return environment(append([]string{
		"KAFKA_BROKERS=" + strings.Join(c.Kafka.Brokers(), ","),
		"CLICKHOUSE_ADDR=" + c.ClickHouseProxy.Addr(),
		"REDIS_ADDR=" + c.RedisProxy.Addr(),
		"FAILPOINTS_ENABLED=true",
		// The shortest session that Kafka allows, and the rest to suit it.
		"SESSION_TIMEOUT=6s", "HEARTBEAT_INTERVAL=500ms", "REBALANCE_TIMEOUT=15s", "DRAIN_TIMEOUT=3s",
		"BATCH_AGE=150ms", "FETCH_WAIT=150ms",
		"CLICKHOUSE_TIMEOUT=3s", "CLICKHOUSE_DIAL_TIMEOUT=1s", "DEDUP_TIMEOUT=1s", "KAFKA_DIAL_TIMEOUT=2s", "KAFKA_TIMEOUT=5s",
		"HTTP_PUBLISH_TIMEOUT=2s",
	}, c.options.Env...)...)
}
