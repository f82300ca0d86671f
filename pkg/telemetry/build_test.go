package telemetry

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A program tells what it was built from, as far as that is known, and when that
// had changes which no revision has.
func TestVersionOf(t *testing.T) {
	for _, test := range []struct {
		info              debug.BuildInfo
		version, revision string
	}{
		{debug.BuildInfo{}, "unknown", "unknown"},
		{debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"},
		}}, "v1.2.3", "abc"},
		{debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"},
		}}, "(devel)", "abc-dirty"},
	} {
		version, revision := versionOf(&test.info)
		assert.Equal(t, test.version, version)
		assert.Equal(t, test.revision, revision)
	}
}
