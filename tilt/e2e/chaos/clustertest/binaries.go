package clustertest

import (
	"sync"

	"github.com/nova-data/nova/pkg/chtest"
)

// buildOnce compiles what a cluster runs at the first call and returns the same
// directory, or the same error, at every other.
var buildOnce = sync.OnceValues(build) //nolint:gochecknoglobals // once in a test process, whatever test comes first

func build() (dir string, err error) {
	return chtest.Compile("chaos", nil,
		"./services/events-ingest/cmd/events-ingest", "./services/cdc-ingest/cmd/cdc-ingest",
		"./services/invalidator/cmd/invalidator", "./services/jobs/cmd/jobs", "./tilt/stack/cmd/stack")
}
