package event

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"
)

// Event is one action of one user on one post.
type Event struct {
	ID uuid.UUID
	// TimeMS is when it happened, in milliseconds since 1970-01-01 UTC.
	TimeMS int64
	UserID uuid.UUID
	PostID uuid.UUID
	// AuthorID is the nil UUID when the client did not say who wrote the post.
	AuthorID uuid.UUID
	Action   Action
	// DwellMS is how long the post was looked at, in milliseconds.
	DwellMS    uint32
	Device     string
	AppVersion string
	// DeviceID is the device's own identifier.
	DeviceID string
	// Attributes is everything else the client said, sorted by name, names once.
	Attributes []Attribute
}

// Attribute is a named value: a string as it was, another value as compact JSON.
type Attribute struct{ Name, Value string }

// Action is what the user did. Its values are those of nova.events.v1.Action, also
// of a newer one: an action that is not known here is read from Kafka, though not
// from clients.
type Action int32

// The actions.
const (
	View Action = 1 + iota
	Impression
	Like
	Comment
	Share
)

// ParseAction reads "view", "impression", "like", "comment" or "share", each
// also behind "post_".
func ParseAction(name string) (Action, bool) {
	switch name {
	case "view", "post_view":
		return View, true
	case "impression", "post_impression":
		return Impression, true
	case "like", "post_like":
		return Like, true
	case "comment", "post_comment":
		return Comment, true
	case "share", "post_share":
		return Share, true
	}
	return 0, false
}

// IsKnown reports whether a is one of the actions above.
func (a Action) IsKnown() bool { return a >= View && a <= Share }

// EventType is the action's name in ClickHouse: "post_view", or "post_action_9" for
// one that is not known.
func (a Action) EventType() string {
	switch a {
	case View:
		return "post_view"
	case Impression:
		return "post_impression"
	case Like:
		return "post_like"
	case Comment:
		return "post_comment"
	case Share:
		return "post_share"
	}
	return fmt.Sprintf("post_action_%d", int32(a))
}

// DerivedID is the id of an event that came without one: the UUID version 5 of
// "<user_id>/<post_id>/<event type>/<ts>", UUIDs in lower case, within the
// namespace that is itself version 5 of "events.nova" within DNS.
func (e *Event) DerivedID() uuid.UUID {
	name := make([]byte, 0, 128)
	name = append(name, e.UserID.String()...)
	name = append(name, '/')
	name = append(name, e.PostID.String()...)
	name = append(name, '/')
	name = append(name, e.Action.EventType()...)
	name = append(name, '/')
	name = strconv.AppendInt(name, e.TimeMS, 10)
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceDNS, []byte("events.nova")), name)
}
