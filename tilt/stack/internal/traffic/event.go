package traffic

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

// event is one client event: a copy has the same id and the same bytes.
type event struct {
	id   uuid.UUID
	json []byte
}

// wireEvent is the JSON of POST /v1/events. The last three fields are unknown to
// the API, which keeps them as attributes.
type wireEvent struct {
	EventID    uuid.UUID `json:"event_id"`
	TS         int64     `json:"ts"`
	UserID     uuid.UUID `json:"user_id"`
	PostID     uuid.UUID `json:"post_id"`
	AuthorID   uuid.UUID `json:"author_id"`
	Action     string    `json:"action"`
	DwellMS    uint32    `json:"dwell_ms,omitempty"`
	Device     string    `json:"device,omitempty"`
	AppVersion string    `json:"app_ver,omitempty"`
	Experiment string    `json:"experiment,omitempty"`
	Referrer   string    `json:"referrer,omitempty"`
	Screen     []int     `json:"screen,omitempty"`
}

// action draws what a user does with a post, by either of its names.
func action(random *rand.Rand) string {
	name := sample.Action(random).EventType()
	if random.IntN(10) == 0 {
		return name
	}
	return strings.TrimPrefix(name, "post_")
}

// newEvent makes an event of a user and a post of the world.
func newEvent(random *rand.Rand, id, user uuid.UUID, about post, now time.Time) (event, error) {
	wire := wireEvent{
		EventID: id, TS: happened(random, now).UnixMilli(),
		UserID: user, PostID: about.id, AuthorID: about.author,
		Action: action(random),
	}
	wire.Device, wire.AppVersion = sample.Device(random)
	if wire.Action == "view" {
		wire.DwellMS = sample.DwellMS(random)
	}
	if random.IntN(50) == 0 {
		wire.Experiment = []string{"ranking-b", "große-bilder"}[random.IntN(2)]
		wire.Referrer = "https://example.org/?q=\"a\"&b"
		wire.Screen = []int{390, 844}
	}
	encoded, err := json.Marshal(wire)
	return event{id: id, json: encoded}, err
}

// happened is a moment shortly before now, for a few events up to an hour
// before: devices that were off line.
func happened(random *rand.Rand, now time.Time) time.Time {
	if random.IntN(100) == 0 {
		return now.Add(-time.Duration(random.Int64N(int64(time.Hour))))
	}
	return now.Add(-time.Duration(random.Int64N(int64(3 * time.Second))))
}
