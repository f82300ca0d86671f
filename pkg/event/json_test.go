package event_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userID   = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0001"
	postID   = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0002"
	authorID = "8f14e45f-ceea-467f-a0e6-2d6f1c1a0003"
	eventID  = "0190c1de-8f2b-7c31-9d1e-3f0a5b6c7d8e"

	required = `"ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID + `","action":"view"`
	whole    = `{"event_id":"` + eventID + `","ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID +
		`","author_id":"` + authorID + `","action":"post_like","dwell_ms":1500,"device":"ios","app_ver":"4.12.0","device_id":"pixel-7",` +
		`"attributes":{"screen":"feed","rank":3}, "session": { "id" : [1, 2.50, null] } }`
)

func object(members string) []byte { return []byte("{" + members + "}") }

// bounds accepts the times around that of required.
func bounds() event.Bounds {
	at := time.UnixMilli(1764000000000)
	return event.Bounds{MaxEvents: 3, Earliest: at.Add(-time.Hour), Latest: at.Add(time.Minute)}
}

// wholeEvent is what whole says.
func wholeEvent() event.Event {
	return event.Event{
		ID: uuid.MustParse(eventID), TimeMS: 1764000000000,
		UserID: uuid.MustParse(userID), PostID: uuid.MustParse(postID), AuthorID: uuid.MustParse(authorID),
		Action: event.Like, DwellMS: 1500, Device: "ios", AppVersion: "4.12.0", DeviceID: "pixel-7",
		Attributes: []event.Attribute{{"rank", "3"}, {"screen", "feed"}, {"session", `{"id":[1,2.50,null]}`}},
	}
}

// Every field a client sends arrives, unknown ones among the attributes.
func TestJSONKeepsEverything(t *testing.T) {
	var got event.Event
	require.NoError(t, event.DecodeJSON([]byte(whole), &got))
	assert.Equal(t, wholeEvent(), got)
}

// A decoded event has nothing left of the one that was in its memory before.
func TestDecodeReusesMemoryWithoutMixing(t *testing.T) {
	got := wholeEvent()
	require.NoError(t, event.DecodeJSON(object(required), &got))
	assert.Empty(t, got.Attributes)
	assert.Equal(t, uuid.Nil, got.AuthorID)
	assert.Empty(t, got.Device)
	assert.Empty(t, got.DeviceID)
}

// What JSON leaves open is decided, and stays so.
func TestJSONDecisions(t *testing.T) {
	attributes := func(attributes ...event.Attribute) func(*event.Event) {
		return func(e *event.Event) { e.Attributes = attributes }
	}
	for name, test := range map[string]struct {
		members string
		adds    func(*event.Event)
	}{
		"null is absent":       {`"author_id":null,"dwell_ms":null,"device":null,"attributes":null,"event_id":null`, func(*event.Event) {}},
		"unknown null is kept": {`"x":null`, attributes(event.Attribute{Name: "x", Value: "null"})},
		"a huge number is kept as it stands": {
			`"x":1e400,"y":123456789012345678901234567890`,
			attributes(event.Attribute{Name: "x", Value: "1e400"}, event.Attribute{Name: "y", Value: "123456789012345678901234567890"}),
		},
		"escapes become text": {
			`"\u0078":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`,
			attributes(event.Attribute{Name: "x", Value: "a\"\\/\b\f\n\r\té😀"}),
		},
		"half a surrogate pair becomes U+FFFD": {`"x":"a\ud83d"`, attributes(event.Attribute{Name: "x", Value: "a\ufffd"})},
		"an escaped name is the field's":       {`"de\u0076ice":"ios"`, func(e *event.Event) { e.Device = "ios" }},
		"upper-case UUID": {
			`"author_id":"` + strings.ToUpper(authorID) + `"`,
			func(e *event.Event) { e.AuthorID = uuid.MustParse(authorID) },
		},
		"largest dwell":                     {`"dwell_ms":4294967295`, func(e *event.Event) { e.DwellMS = 4294967295 }},
		"names of fields inside attributes": {`"attributes":{"ts":"x"}`, attributes(event.Attribute{Name: "ts", Value: "x"})},
	} {
		t.Run(name, func(t *testing.T) {
			got := event.Event{Attributes: []event.Attribute{}}
			require.NoError(t, event.DecodeJSON(object(required+","+test.members), &got))
			want := minimal()
			test.adds(&want)
			assert.Equal(t, want, got)
		})
	}
}

// Each rule that a client breaks is refused and named by its field.
func TestJSONRules(t *testing.T) {
	const (
		wantUUID   = "must be a UUID of the form 01234567-89ab-cdef-0123-456789abcdef"
		wantTime   = "must be a whole number of milliseconds since 1970, before the year 2300"
		wantDwell  = "must be a whole number of milliseconds from 0 to 4294967295"
		wantText   = "must be a string of at most 128 bytes"
		wantAction = "must be view, impression, like, comment or share, or one of them behind post_"
		wantMany   = "must be an object of at most 64 members, unknown fields included"
	)
	ids := `"user_id":"` + userID + `","post_id":"` + postID + `","action":"view"`
	for _, test := range []struct{ record, field, rule string }{
		{ids, "ts", "is required"},
		{ids + `,"ts":null`, "ts", "is required"},
		{ids + `,"ts":0`, "ts", wantTime},
		{ids + `,"ts":-5`, "ts", wantTime},
		{ids + `,"ts":1764000000000.0`, "ts", wantTime},
		{ids + `,"ts":1.764e12`, "ts", wantTime},
		{ids + `,"ts":"1764000000000"`, "ts", wantTime},
		{ids + `,"ts":10413792000000`, "ts", wantTime},
		{ids + `,"ts":99999999999999999999`, "ts", wantTime},
		{ids + `,"ts":true`, "ts", wantTime},
		{`"ts":1764000000000,"post_id":"` + postID + `","action":"view"`, "user_id", "is required"},
		{required + `,"author_id":""`, "author_id", wantUUID},
		{required + `,"author_id":7`, "author_id", wantUUID},
		{required + `,"author_id":"` + strings.ReplaceAll(authorID, "-", "") + `"`, "author_id", wantUUID},
		{required + `,"author_id":"{` + authorID + `}"`, "author_id", wantUUID},
		{required + `,"author_id":"urn:uuid:` + authorID + `"`, "author_id", wantUUID},
		{required + `,"event_id":"00000000-0000-0000-0000-000000000000"`, "event_id", "must not be the nil UUID"},
		{required + `,"user_id":"` + userID + `"`, "user_id", "must not be given twice"},
		{required + `,"device":null,"device":"phone"`, "device", "must not be given twice"},
		{required + `,"dwell_ms":-1`, "dwell_ms", wantDwell},
		{required + `,"dwell_ms":4294967296`, "dwell_ms", wantDwell},
		{required + `,"dwell_ms":1.5`, "dwell_ms", wantDwell},
		{required + `,"dwell_ms":"1"`, "dwell_ms", wantDwell},
		{required + `,"device":7`, "device", wantText},
		{required + `,"device":"` + strings.Repeat("x", 129) + `"`, "device", wantText},
		{required + `,"app_ver":["4"]`, "app_ver", wantText},
		{required + `,"device_id":7`, "device_id", wantText},
		{required + `,"device_id":"` + strings.Repeat("x", 129) + `"`, "device_id", wantText},
		{required + `,"attributes":"x"`, "attributes", wantMany},
		{required + `,"attributes":[]`, "attributes", wantMany},
		{required + `,"attributes":{},"attributes":{}`, "attributes", "must not be given twice"},
		{required + `,"x":1,"attributes":{"x":"2"}`, "attributes.x", "must not be given twice"},
		{required + `,"":1`, "attributes.", "must have a name of 1 to 128 bytes"},
		{required + `,"` + strings.Repeat("n", 129) + `":1`, "attributes." + strings.Repeat("n", 128) + "…", "must have a name of 1 to 128 bytes"},
		{required + `,"x":"` + strings.Repeat("v", 4097) + `"`, "attributes.x", "must have a value of at most 4096 bytes"},
		{required + manyMembers(65), "attributes", wantMany},
		{`"ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID + `","action":"LIKE"`, "action", wantAction},
		{`"ts":1764000000000,"user_id":"` + userID + `","post_id":"` + postID + `","action":3`, "action", wantAction},
	} {
		t.Run(test.field+" "+test.rule, func(t *testing.T) {
			_, err := event.DecodeJSONBatch([]byte(`{"events":[{`+test.record+`}]}`), bounds())
			var invalid *event.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.Equal(t, []event.Problem{{Field: test.field, Rule: test.rule}}, invalid.Problems)
			assert.False(t, invalid.IsSyntax)
		})
	}
}

func manyMembers(n int) string {
	var members strings.Builder
	for i := range n {
		fmt.Fprintf(&members, `,"x%d":%d`, i, i)
	}
	return members.String()
}

// Bytes that are not JSON are refused, with the place.
func TestJSONSyntax(t *testing.T) {
	for record, rule := range map[string]string{
		"":                                  "must be JSON with a value at byte 0",
		"{":                                 "must be JSON with a string at byte 1",
		`{"a"`:                              "must be JSON with a ':' at byte 4",
		`{"a":`:                             "must be JSON with a value at byte 5",
		`{"a":1`:                            "must be JSON with a ',' at byte 6",
		`{"a":1,}`:                          "must be JSON with a string at byte 7",
		`{"a":01}`:                          "must be JSON with a ',' at byte 6",
		`{"a":+1}`:                          "must be JSON with a value at byte 5",
		`{"a":NaN}`:                         "must be JSON with a value at byte 5",
		`{"a":1.}`:                          "must be JSON with a value at byte 7",
		`{"a":tru}`:                         "must be JSON with a value at byte 5",
		`{"a":"x}`:                          "must be JSON with an end of the string at byte 8",
		`{"a":"\x"}`:                        "must be JSON with a valid escape at byte 6",
		`{"a":["\u12g4"]}`:                  "must be JSON with a valid escape at byte 7",
		`{"a":"\u+123"}`:                    "must be JSON with a valid escape at byte 6",
		"{\"a\":\"\t\"}":                    "must be JSON with control characters escaped at byte 6",
		`{"a":[1,]}`:                        "must be JSON with a value at byte 8",
		string(object(required)) + `{}`:     "must be JSON with nothing more at byte " + strconv.Itoa(len(required)+2),
		"\ufeff" + string(object(required)): "must be JSON with a value at byte 0",
		`{"a":"` + "\xff" + `"}`:            "must be UTF-8, which byte 6 is not",
		`{"a":` + strings.Repeat("[", 40):   "must be JSON with no value nested deeper than 32 at byte 37",
	} {
		t.Run(record, func(t *testing.T) {
			var got event.Event
			var invalid *event.InvalidError
			require.ErrorAs(t, event.DecodeJSON([]byte(record), &got), &invalid)
			assert.True(t, invalid.IsSyntax)
			assert.Equal(t, []event.Problem{{Rule: rule}}, invalid.Problems)
		})
	}
}

// One answer names all mistakes of all events.
func TestBatchNamesEveryProblem(t *testing.T) {
	_, err := event.DecodeJSONBatch([]byte(`{"events":[{`+required+`},{"ts":1},7],"extra":1}`), bounds())
	var invalid *event.InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []event.Problem{
		{Index: 1, Field: "ts", Rule: "must be from 2025-11-24T15:00:00Z to 2025-11-24T16:01:00Z"},
		{Index: 1, Field: "user_id", Rule: "is required"},
		{Index: 1, Field: "post_id", Rule: "is required"},
		{Index: 1, Field: "action", Rule: "is required"},
		{Index: 2, Rule: "must be an object"},
		{Index: event.WholeBody, Field: "extra", Rule: "must not be beside events"},
	}, invalid.Problems)
	assert.Equal(t, "event 1: ts must be from 2025-11-24T15:00:00Z to 2025-11-24T16:01:00Z; event 1: user_id is required; "+
		"event 1: post_id is required; event 1: action is required; event 2: must be an object; and 1 more", err.Error())
}

// The body is one object with one array of a bounded number of events.
func TestBatchBody(t *testing.T) {
	one := string(object(required))
	for body, rule := range map[string]string{
		`{}`:                                   "is required",
		`{"events":[]}`:                        "must hold 1 to 3 events",
		`{"events":{}}`:                        "must be an array",
		`{"events":null}`:                      "must be an array",
		`{"events":[` + one + `],"events":[]}`: "must not be given twice",
		`{"events":[` + strings.Repeat(one+",", 3) + one + `]}`: "must hold 1 to 3 events",
	} {
		t.Run(body, func(t *testing.T) {
			_, err := event.DecodeJSONBatch([]byte(body), bounds())
			var invalid *event.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.Equal(t, []event.Problem{{Index: event.WholeBody, Field: "events", Rule: rule}}, invalid.Problems)
		})
	}
	events, err := event.DecodeJSONBatch([]byte(` {"events" : [ `+one+` , `+whole+` ] } `), bounds())
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, wholeEvent(), events[1])
}

// An answer stays small however many mistakes a body holds.
func TestProblemsAreBounded(t *testing.T) {
	body := `{"events":[{` + strings.Repeat(`"":1,`, 5000) + `"x":1}]}`
	_, err := event.DecodeJSONBatch([]byte(body), bounds())
	var invalid *event.InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Problems, 1000)
	assert.Contains(t, err.Error(), "and 995 more")
}

// The times of the bounds themselves are accepted, one millisecond beyond is not.
func TestBoundsAreInclusive(t *testing.T) {
	limits := bounds()
	for ts, accepted := range map[int64]bool{
		limits.Earliest.UnixMilli() - 1: false,
		limits.Earliest.UnixMilli():     true,
		limits.Latest.UnixMilli():       true,
		limits.Latest.UnixMilli() + 1:   false,
	} {
		body := strings.Replace(`{"events":[{`+required+`}]}`, "1764000000000", strconv.FormatInt(ts, 10), 1)
		_, err := event.DecodeJSONBatch([]byte(body), limits)
		assert.Equal(t, accepted, err == nil, ts)
	}
}
