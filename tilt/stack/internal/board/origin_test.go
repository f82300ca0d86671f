package board

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The source is shown as cdc-ingest sees it, and what is wrong stands out; while
// cdc-ingest is away, or watches nothing, all of it is dashes.
func TestSource(t *testing.T) {
	var cdc atomic.Pointer[string]
	address := service(t, &cdc)
	assert.Equal(t, "source: slot –, – behind | connector – | heartbeat – ago", SourceLine(t.Context(), address))

	expose(&cdc, slotLagBytesMetric+" 1363149", slotLagMetric+" 2.5", heartbeatAgeMetric+" 0.4", connectorMetric+`{connector="nova"} 1`, tasksFailedMetric+`{connector="nova"} 0`,
		unhealthyMetric+`{part="source slot"} 0`, unhealthyMetric+`{part="source connector"} 0`)
	assert.Equal(t, "source: slot 1.3 MB, 2.5 s behind | connector runs | heartbeat 400 ms ago", SourceLine(t.Context(), address))

	expose(&cdc, connectorMetric+`{connector="nova"} 0`, unhealthyMetric+`{part="source slot"} 1`, unhealthyMetric+`{part="source connector"} 1`)
	assert.Equal(t, "source: slot –, – behind (!) | connector does not run (!) | heartbeat – ago", SourceLine(t.Context(), address))
	expose(&cdc, connectorMetric+`{connector="nova"} 0`, tasksFailedMetric+`{connector="nova"} 1`)
	assert.Contains(t, SourceLine(t.Context(), address), "connector has failed")
}

// What is wrong with the source is red on the board, and nothing else of it is.
func TestSourceAlarm(t *testing.T) {
	v := View{Source: &Source{LagBytes: 5 << 20, Lag: 400, Connector: connectorRuns, Heartbeat: 1, Problems: []string{slotName}}}
	styled := strings.Join(Render(v, 80, true), "\n")
	assert.Contains(t, styled, alarm+"slot       5.0 MB, 400.0 s behind"+plain)
	assert.NotContains(t, styled, alarm+"connector")
}
