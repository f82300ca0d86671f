package load

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a load that is quickly made.
func small() Config {
	cfg := NewDefaultConfig()
	cfg.URL = "http://127.0.0.1:1"
	cfg.Rate, cfg.Duration, cfg.ProbeEvery = 100, time.Second, 0
	return cfg
}
