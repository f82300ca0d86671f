package telemetry

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// buildInfo is what build_info says of the running program. A revision is known
// when it was built in a clone; it ends in "-dirty" when that had changes.
func buildInfo(service string) prometheus.Collector {
	version, revision := "unknown", "unknown"
	if info, isKnown := debug.ReadBuildInfo(); isKnown {
		version, revision = versionOf(info)
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "build_info",
		Help: "1, with what the program was built from as labels.",
		ConstLabels: prometheus.Labels{
			"service": service, "version": version, "revision": revision, "goversion": runtime.Version(),
		},
	}, func() float64 { return 1 })
}

func versionOf(info *debug.BuildInfo) (version, revision string) {
	version, revision = "unknown", "unknown"
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	isDirty := false
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			isDirty = setting.Value == "true"
		}
	}
	if isDirty {
		revision += "-dirty"
	}
	return version, revision
}
