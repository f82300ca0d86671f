package sample

import (
	"math/rand/v2"

	"github.com/nova-data/nova/pkg/event"
)

// Action draws what a user does with a post, as often as users do it.
func Action(random *rand.Rand) event.Action {
	switch n := random.IntN(100); {
	case n < 55:
		return event.View
	case n < 82:
		return event.Impression
	case n < 94:
		return event.Like
	case n < 98:
		return event.Comment
	}
	return event.Share
}

// DwellMS draws how long a post is looked at: 200 ms to 30.2 s.
func DwellMS(random *rand.Rand) uint32 { return 200 + random.Uint32N(30_000) }

// Device draws a kind of device and its client's version; both are empty for a
// client that does not say.
func Device(random *rand.Rand) (device, appVersion string) {
	device = []string{"ios", "android", "web", ""}[random.IntN(4)]
	if device != "" {
		appVersion = []string{"5.11.2", "5.12.0", "6.0.0-beta"}[random.IntN(3)]
	}
	return device, appVersion
}
