package broker_test

import (
	"context"
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/tlsclient"
	"github.com/nova-data/nova/pkg/tlsclient/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a Config that nests the package's, as services do.
type service struct {
	Kafka broker.Config `envconfig:"KAFKA"`
}

func startFake(t *testing.T, options ...kfake.Opt) []string {
	t.Helper()
	fake, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))...)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return fake.ListenAddrs()
}

func defaults(t *testing.T, addresses []string) broker.Config {
	t.Helper()
	return broker.Config{Brokers: addresses, ClientID: "nova", DialTimeout: 5 * time.Second, Timeout: 10 * time.Second, SASL: broker.SASL{Mechanism: broker.None}}
}

func open(t *testing.T, cfg broker.Config) *broker.Cluster {
	t.Helper()
	cluster, err := broker.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// reach asks the cluster by each way in: the client, and the dialer of groups.
func reach(t *testing.T, cluster *broker.Cluster) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := cluster.Ping(ctx); err != nil {
		return err
	}
	conn, err := cluster.Dialer().DialContext(ctx, "tcp", cluster.Addresses()[0])
	if err != nil {
		return err
	}
	defer func() { assert.NoError(t, conn.Close()) }()
	_, err = conn.Brokers()
	return err
}

// TestEveryLoginWorks holds that each mechanism logs in by both ways, and that a
// wrong password does not.
func TestEveryLoginWorks(t *testing.T) {
	t.Parallel()
	for mechanism, theirs := range map[broker.Mechanism]string{
		broker.Plain: "PLAIN", broker.ScramSHA256: "SCRAM-SHA-256", broker.ScramSHA512: "SCRAM-SHA-512",
	} {
		t.Run(string(mechanism), func(t *testing.T) {
			t.Parallel()
			cfg := defaults(t, startFake(t, kfake.EnableSASL(), kfake.Superuser(theirs, "nova", "secret")))
			cfg.SASL = broker.SASL{Mechanism: mechanism, Username: "nova", Password: "secret"}
			require.NoError(t, reach(t, open(t, cfg)))
			cfg.SASL.Password = "guess"
			require.Error(t, reach(t, open(t, cfg)))
		})
	}
}

// TestTLS holds that the brokers' certificate is verified, by both ways.
func TestTLS(t *testing.T) {
	t.Parallel()
	files := tlstest.Make(t, "127.0.0.1")
	cfg := defaults(t, startFake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{files.Server}, MinVersion: tls.VersionTLS12})))
	cfg.TLS = tlsclient.Config{Enabled: true, CAFile: files.CAFile}
	require.NoError(t, reach(t, open(t, cfg)))
	cfg.TLS.CAFile = tlstest.Make(t, "127.0.0.1").CAFile
	require.Error(t, reach(t, open(t, cfg)))
}

// TestOpenDoesNotConnect holds that a service starts while Kafka is down, and
// that the first request then names the address.
func TestOpenDoesNotConnect(t *testing.T) {
	t.Parallel()
	cluster := open(t, defaults(t, []string{"127.0.0.1:1"}))
	require.ErrorContains(t, reach(t, cluster), "127.0.0.1:1")
}

// TestOneTransportServesAll holds that client and raw requests share their
// connections, and that the addresses are a copy.
func TestOneTransportServesAll(t *testing.T) {
	t.Parallel()
	cluster := open(t, defaults(t, startFake(t)))
	require.NoError(t, reach(t, cluster))
	assert.Same(t, cluster.Transport(), cluster.Client().Transport.(*kafka.Transport))
	cluster.Addresses()[0] = "changed"
	assert.NotEqual(t, "changed", cluster.Addresses()[0])
}

// TestConfigReadsItsVariables holds the names of the variables and the defaults.
func TestConfigReadsItsVariables(t *testing.T) {
	t.Setenv("KAFKA_BROKERS", "a:9092,b:9092")
	t.Setenv("KAFKA_SASL_MECHANISM", "scram-sha-512")
	t.Setenv("KAFKA_SASL_USERNAME", "nova")
	t.Setenv("KAFKA_SASL_PASSWORD", "secret")
	t.Setenv("KAFKA_TLS_ENABLED", "true")
	var cfg service
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, broker.Config{
		Brokers: []string{"a:9092", "b:9092"}, ClientID: "nova", DialTimeout: 5 * time.Second, Timeout: 30 * time.Second,
		TLS:  tlsclient.Config{Enabled: true},
		SASL: broker.SASL{Mechanism: broker.ScramSHA512, Username: "nova", Password: "secret"},
	}, cfg.Kafka)
}

// TestConfigNamesEveryProblem holds that all that is wrong is said at once, by
// the names of the variables and without a value of a secret.
func TestConfigNamesEveryProblem(t *testing.T) {
	t.Setenv("KAFKA_BROKERS", "nowhere")
	t.Setenv("KAFKA_DIAL_TIMEOUT", "0s")
	t.Setenv("KAFKA_TIMEOUT", "-1s")
	t.Setenv("KAFKA_SASL_PASSWORD", "secret")
	t.Setenv("KAFKA_TLS_KEY_FILE", "key.pem")
	var cfg service
	err := config.Load(&cfg)
	for _, want := range []string{"KAFKA_BROKERS: ", "KAFKA_DIAL_TIMEOUT ", "KAFKA_TIMEOUT ", "KAFKA_SASL_MECHANISM ", "KAFKA_TLS_CERT_FILE "} {
		require.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "secret")

	require.ErrorContains(t, broker.SASL{Mechanism: "ntlm"}.Validate(), "MECHANISM must be")
	require.ErrorContains(t, broker.SASL{Mechanism: broker.Plain}.Validate(), "USERNAME and PASSWORD are required")
}

// TestDrop holds that after a restart of the brokers one failed request is enough:
// the other connections that have died do not fail one more each.
func TestDrop(t *testing.T) {
	kafkas := kafkatest.Start(t, kafkatest.Topic{Name: "events", Partitions: 1})
	cluster := open(t, defaults(t, kafkas.Brokers))
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := cluster.Client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{"events": {kafka.LastOffsetOf(0)}},
		})
		return err
	}
	kafkas.Delay(kafkatest.ListOffsets, 100*time.Millisecond) // so that they need a connection each
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() { assert.NoError(t, ask()) })
	}
	asking.Wait()
	kafkas.Stop()
	kafkas.Restart()
	failures := 0
	for ask() != nil {
		failures++
		cluster.Drop()
	}
	assert.LessOrEqual(t, failures, 1)
}
