package api_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

var update = flag.Bool("update", false, "write the examples of the README anew")

const (
	eventsPath    = "/v1/events"
	readme        = "../../README.md"
	examplesBegin = "<!-- examples:begin -->\n"
	examplesEnd   = "<!-- examples:end -->\n"
	// clock is what an example has in place of the time by which the API accepts it.
	clock = `'$(date +%s%3N)'`
	// text is an event as protoc reads it; its UUIDs are the 16 bytes of userID and postID.
	text = `events { ts_ms: '$(date +%s%3N)' action: ACTION_LIKE
  user_id: "\217\024\344_\316\352F\177\240\346-o\034\032\000\001" post_id: "\217\024\344_\316\352F\177\240\346-o\034\032\000\002" }`
)

// example is a request of the README. Its body is what a user types, of which sent
// is what arrives if that is another thing.
type example struct {
	title     string
	method    string
	headers   []string
	body      string
	pipe      string // between the body and curl
	sent      func(t *testing.T, body string) string
	configure func(*api.Config)
	fails     error
	shown     []string // headers of the answer
}

func examples(t *testing.T) []example {
	t.Helper()
	event := `{"ts":` + clock + `,"user_id":"` + userID + `","post_id":"` + postID + `","action":"like"}`
	const gzip, protobuf = "Content-Encoding: gzip", "Content-Type: application/x-protobuf"
	return []example{
		{title: "A batch of events:", body: "{\"events\":[\n  " + event + ",\n  " + strings.Replace(event, `"like"`, `"view","dwell_ms":1500,"screen":"feed"`, 1) + "]}"},
		{
			title: "One event, with a name for the request and a bearer token:", body: event,
			headers:   []string{"X-Request-Id: signup-7", "Authorization: Bearer $EVENTS_TOKEN"},
			configure: withTokens(t, "web:"+exampleToken), shown: []string{"X-Request-Id"},
		},
		{title: "Compressed:", body: `{"events":[` + event + `]}`, headers: []string{gzip}, pipe: "gzip", sent: func(t *testing.T, body string) string {
			t.Helper()
			return compressed(t, body)
		}},
		{
			title: "Protobuf:", body: text, headers: []string{protobuf}, sent: asProtobuf,
			pipe: "protoc -I proto --encode=nova.events.v1.EventBatch nova/events/v1/events.proto",
		},
		{title: "Every broken rule is named, and nothing is accepted:", body: `{"events":[` + event + `,` +
			strings.Replace(strings.Replace(event, `"`+userID+`"`, `17`, 1), `"like"`, `"wave"`, 1) + `]}`},
		{title: "A content type that is not known:", body: "ts,user_id", headers: []string{"Content-Type: text/csv"}},
		{title: "Without a token where one is needed:", body: event, configure: withTokens(t, "web:"+exampleToken), shown: []string{"Www-Authenticate"}},
		{
			title: "While more is in hand than `HTTP_MAX_CONCURRENT` allows:", body: event,
			configure: func(c *api.Config) { c.MaxConcurrent = 0 }, shown: []string{"Retry-After"},
		},
		{title: "While Kafka is away:", body: event, fails: assert.AnError, shown: []string{"Retry-After"}},
		{
			title: "May a page of another origin post?", method: http.MethodOptions,
			headers:   []string{"Origin: https://shop.example", "Access-Control-Request-Method: POST"},
			configure: func(c *api.Config) { c.CORSOrigins = []string{"https://shop.example"} },
			shown:     []string{"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Access-Control-Max-Age"},
		},
	}
}

const exampleToken = "the-token-of-the-example"

// asProtobuf is what protoc makes of a batch as text.
func asProtobuf(t *testing.T, text string) string {
	t.Helper()
	var batch eventsv1.EventBatch
	require.NoError(t, prototext.Unmarshal([]byte(text), &batch))
	encoded, err := proto.Marshal(&batch)
	require.NoError(t, err)
	return string(encoded)
}

// curl is the command that a user types.
func (e example) curl() string {
	words := []string{"curl -i"}
	if e.method != "" {
		words = append(words, "-X "+e.method)
	}
	words = append(words, `"$EVENTS_URL`+eventsPath+`"`)
	for _, header := range e.headers {
		words = append(words, fmt.Sprintf("-H %q", header))
	}
	switch {
	case e.pipe != "":
		return "$ printf '%s' '" + e.body + "' |\n    " + e.pipe + " |\n    " + strings.Join(append(words, "--data-binary @-"), " ")
	case e.body != "":
		words = append(words, "-d '"+e.body+"'")
	}
	return "$ " + strings.Join(words, " ")
}

// run sends the request and returns what a user sees of the answer.
func (e example) run(t *testing.T) string {
	t.Helper()
	f := newFixture(t, func(c *api.Config) {
		if e.configure != nil {
			e.configure(c)
		}
	})
	f.kafka.fail = e.fails
	body := strings.ReplaceAll(e.body, clock, strconv.Itoa(now))
	if e.sent != nil {
		body = e.sent(t, body)
	}
	request := newRequest(t, cmp.Or(e.method, http.MethodPost), eventsPath, "application/x-www-form-urlencoded", body) // as curl -d does
	for _, header := range e.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, strings.Replace(value, "$EVENTS_TOKEN", exampleToken, 1))
	}
	got := f.send(t, request)
	lines := []string{fmt.Sprintf("HTTP/1.1 %d %s", got.status, http.StatusText(got.status))}
	for _, name := range slices.Sorted(slices.Values(append([]string{"Content-Type"}, e.shown...))) {
		if value := got.header.Get(name); value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	if got.body != "" {
		made := got.header.Get("X-Request-Id")
		lines = append(lines, "", strings.ReplaceAll(indented(t, got.body), made, cutShort(made)))
	}
	return strings.Join(lines, "\n")
}

// cutShort keeps the ids that clients give.
func cutShort(id string) string {
	if strings.Contains(id, "-") {
		return id
	}
	return "KX3JTWNXTHQ6ZFXGFKCHNTKWRI"
}

// indented is a problem on several lines, and anything shorter as it is.
func indented(t *testing.T, body string) string {
	t.Helper()
	body = strings.TrimSpace(body)
	if !strings.HasPrefix(body, `{"type"`) {
		return body
	}
	var parsed struct {
		Type, Title string
		Status      int
		Detail      string
		RequestID   string `json:"request_id"`
		Errors      []json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(body), &parsed))
	lines := []string{
		fmt.Sprintf(`{"type":%q,"title":%q,"status":%d,`, parsed.Type, parsed.Title, parsed.Status),
		fmt.Sprintf(` "detail":%q,`, parsed.Detail), fmt.Sprintf(` "request_id":%q`, parsed.RequestID),
	}
	for i, fault := range parsed.Errors {
		before := ",\n  "
		if i == 0 {
			before = ",\n \"errors\":[\n  "
		}
		lines[2] += before + string(fault)
	}
	if len(parsed.Errors) > 0 {
		lines[2] += "]"
	}
	return strings.Join(lines, "\n") + "}"
}

// The examples of the README are requests that were really answered so.
func TestExamples(t *testing.T) {
	var page strings.Builder
	for _, e := range examples(t) {
		fmt.Fprintf(&page, "%s\n\n```console\n%s\n%s\n```\n\n", e.title, e.curl(), e.run(t))
	}
	content, err := os.ReadFile(readme)
	require.NoError(t, err)
	before, rest, hasBegin := strings.Cut(string(content), examplesBegin)
	committed, after, hasEnd := strings.Cut(rest, examplesEnd)
	require.True(t, hasBegin && hasEnd, "the README has no place for the examples")
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+examplesBegin+page.String()+examplesEnd+after), 0o644))
		return
	}
	assert.Equal(t, committed, page.String(), "run this test with -update and read the difference")
}
