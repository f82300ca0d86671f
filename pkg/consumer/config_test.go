package consumer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/consumer"
)

// The defaults work, and what cannot work is refused with every problem named.
func TestConfigIsChecked(t *testing.T) {
	var defaults struct {
		Consumer consumer.Config `envconfig:"CONSUMER"`
	}
	require.NoError(t, config.Load(&defaults))
	assert.Equal(t, 500*time.Millisecond, defaults.Consumer.BatchAge)

	err := consumer.Config{HeartbeatInterval: time.Second, SessionTimeout: 2 * time.Second, DrainTimeout: time.Minute}.Validate()
	for _, name := range []string{
		"BATCH_ROWS", "BATCH_BYTES", "FETCH_BYTES", "BATCH_AGE", "FETCH_WAIT", "REBALANCE_TIMEOUT",
		"SESSION_TIMEOUT must be at least three times", "DRAIN_TIMEOUT must be below",
	} {
		assert.ErrorContains(t, err, name)
	}
	_, err = consumer.New(testConfig().Config, consumer.Deps{})
	for _, name := range []string{"Broker", "Group", "Topics", "Handler", "Log", "Meter", "Health", "START_OFFSETS", "ON_DATA_LOSS"} {
		assert.ErrorContains(t, err, name)
	}
}
