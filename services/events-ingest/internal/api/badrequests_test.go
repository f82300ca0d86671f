package api_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// bad is a request that is refused: a POST of JSON to /v1/events, if it does not
// say otherwise, to which the answer is 400.
type bad struct {
	status                                  int
	method, path, contentType               string
	encoding, authorization, cookie, origin string
	body                                    string
	// names are parts of the answer: a fault as "<index> <field>: <rule>", without
	// the index for one of the whole body, or a part of the detail.
	names []string
}

// changed is good with a member replaced or added; value "" takes it away.
func changed(member, value string) string {
	members := map[string]string{"ts": "1764000000000", "user_id": `"` + userID + `"`, "post_id": `"` + postID + `"`, "action": `"view"`}
	order := []string{"ts", "user_id", "post_id", "action"}
	if _, isKnown := members[member]; !isKnown {
		order = append(order, member)
	}
	members[member] = value
	var text []string
	for _, name := range order {
		if members[name] != "" {
			text = append(text, fmt.Sprintf("%q:%s", name, members[name]))
		}
	}
	return "{" + strings.Join(text, ",") + "}"
}

func batchOf(events ...string) string { return `{"events":[` + strings.Join(events, ",") + `]}` }

// badJSON are bodies whose fault is in an event or around it.
func badJSON() map[string]bad {
	many := make([]string, 0, 65)
	for i := range 65 {
		many = append(many, fmt.Sprintf(`"a%d":1`, i))
	}
	return map[string]bad{
		"empty":                       {names: []string{"must be JSON with a '{' at byte 0"}},
		"white space":                 {body: " \n", names: []string{"must be JSON with a '{'"}},
		"a word":                      {body: "events", names: []string{"must be JSON with a '{'"}},
		"null":                        {body: "null", names: []string{"must be JSON with a '{'"}},
		"an array":                    {body: "[" + good + "]", names: []string{"must be JSON with a '{' at byte 0"}},
		"cut":                         {body: batch[:len(batch)-1], names: []string{"must be JSON with"}},
		"cut in a string":             {body: batch[:20], names: []string{"must be JSON with"}},
		"garbage behind":              {body: batch + "x", names: []string{"must be JSON with nothing more at byte"}},
		"two bodies":                  {body: batch + batch, names: []string{"nothing more"}},
		"trailing comma":              {body: `{"events":[` + good + `,]}`, names: []string{"must be JSON with"}},
		"comment":                     {body: `{/**/"events":[` + good + `]}`, names: []string{"must be JSON with a string at byte 1"}},
		"single quotes":               {body: `{'events':[]}`, names: []string{"must be JSON with a string at byte 1"}},
		"NaN":                         {body: batchOf(changed("x", "NaN")), names: []string{"must be JSON with a value"}},
		"leading zero":                {body: batchOf(changed("dwell_ms", "01")), names: []string{"must be JSON with"}},
		"control character":           {body: batchOf(changed("device", "\"a\tb\"")), names: []string{"control characters escaped"}},
		"bad escape":                  {body: batchOf(changed("device", `"\x"`)), names: []string{"a valid escape"}},
		"not UTF-8":                   {body: batchOf(changed("device", "\"\xff\"")), names: []string{"must be UTF-8, which byte"}},
		"UTF-16":                      {body: "\xff\xfe{\x00", names: []string{"must be UTF-8, which byte 0 is not"}},
		"nested without an end":       {body: strings.Repeat("[", 3900), names: []string{"must be JSON"}},
		"nested too deep":             {body: batchOf(changed("x", strings.Repeat("[", 40)+strings.Repeat("]", 40))), names: []string{"no value nested deeper than 32"}},
		"no events":                   {body: `{"events":[]}`, names: []string{"events: must hold 1 to 3 events"}},
		"too many events":             {body: batchOf(good, good, good, good), names: []string{"events: must hold 1 to 3 events"}},
		"events is null":              {body: `{"events":null}`, names: []string{"events: must be an array"}},
		"events is an object":         {body: `{"events":{}}`, names: []string{"events: must be an array"}},
		"events twice":                {body: `{"events":[` + good + `],"events":[]}`, names: []string{"events: must not be given twice"}},
		"beside events":               {body: `{"events":[` + good + `],"x":1}`, names: []string{"x: must not be beside events"}},
		"a number for an event":       {body: batchOf("1"), names: []string{"0 : must be an object"}},
		"null for an event":           {body: batchOf(good, "null"), names: []string{"1 : must be an object"}},
		"an empty event":              {body: batchOf("{}"), names: []string{"0 ts: is required", "0 user_id: is required", "0 post_id: is required", "0 action: is required"}},
		"a single empty event":        {body: "{}", names: []string{"0 ts: is required", "0 action: is required"}},
		"a single bad event":          {body: changed("action", `"wave"`), names: []string{"0 action: must be view, impression"}},
		"no ts":                       {body: batchOf(changed("ts", "")), names: []string{"0 ts: is required"}},
		"ts is null":                  {body: batchOf(changed("ts", "null")), names: []string{"0 ts: is required"}},
		"ts is a string":              {body: batchOf(changed("ts", `"1764000000000"`)), names: []string{"0 ts: must be a whole number"}},
		"ts has a fraction":           {body: batchOf(changed("ts", "1764000000000.5")), names: []string{"0 ts: must be a whole number"}},
		"ts has an exponent":          {body: batchOf(changed("ts", "1.764e12")), names: []string{"0 ts: must be a whole number"}},
		"ts in seconds":               {body: batchOf(changed("ts", "1764000000")), names: []string{"0 ts: must be from 2025-11-23T16:10:00Z to 2025-11-24T16:05:00Z"}},
		"ts is zero":                  {body: batchOf(changed("ts", "0")), names: []string{"0 ts: must be a whole number"}},
		"ts is negative":              {body: batchOf(changed("ts", "-1")), names: []string{"0 ts: must be a whole number"}},
		"ts overflows":                {body: batchOf(changed("ts", "99999999999999999999")), names: []string{"0 ts: must be a whole number"}},
		"before the bounds":           {body: batchOf(changed("ts", "1763914199999")), names: []string{"0 ts: must be from"}},
		"ahead of the bounds":         {body: batchOf(changed("ts", "1764000300001")), names: []string{"0 ts: must be from"}},
		"no user":                     {body: batchOf(changed("user_id", "")), names: []string{"0 user_id: is required"}},
		"user is a number":            {body: batchOf(changed("user_id", "17")), names: []string{"0 user_id: must be a UUID"}},
		"user is short":               {body: batchOf(changed("user_id", `"8f14e45f"`)), names: []string{"0 user_id: must be a UUID"}},
		"user in braces":              {body: batchOf(changed("user_id", `"{`+userID+`}"`)), names: []string{"0 user_id: must be a UUID"}},
		"user as a URN":               {body: batchOf(changed("user_id", `"urn:uuid:`+userID+`"`)), names: []string{"0 user_id: must be a UUID"}},
		"user without dashes":         {body: batchOf(changed("user_id", `"`+strings.ReplaceAll(userID, "-", "")+`"`)), names: []string{"0 user_id: must be a UUID"}},
		"user is nil":                 {body: batchOf(changed("user_id", `"00000000-0000-0000-0000-000000000000"`)), names: []string{"0 user_id: must not be the nil UUID"}},
		"no post":                     {body: batchOf(changed("post_id", "")), names: []string{"0 post_id: is required"}},
		"post is no UUID":             {body: batchOf(changed("post_id", `"post"`)), names: []string{"0 post_id: must be a UUID"}},
		"event_id is no UUID":         {body: batchOf(changed("event_id", `""`)), names: []string{"0 event_id: must be a UUID"}},
		"author is no UUID":           {body: batchOf(changed("author_id", `true`)), names: []string{"0 author_id: must be a UUID"}},
		"no action":                   {body: batchOf(changed("action", "")), names: []string{"0 action: is required"}},
		"unknown action":              {body: batchOf(changed("action", `"wave"`)), names: []string{"0 action: must be view"}},
		"action in capitals":          {body: batchOf(changed("action", `"View"`)), names: []string{"0 action: must be view"}},
		"action is a number":          {body: batchOf(changed("action", "1")), names: []string{"0 action: must be view"}},
		"dwell is negative":           {body: batchOf(changed("dwell_ms", "-1")), names: []string{"0 dwell_ms: must be a whole number of milliseconds from 0"}},
		"dwell is a string":           {body: batchOf(changed("dwell_ms", `"7"`)), names: []string{"0 dwell_ms: must be a whole number"}},
		"dwell overflows":             {body: batchOf(changed("dwell_ms", "4294967296")), names: []string{"0 dwell_ms: must be a whole number"}},
		"device is a number":          {body: batchOf(changed("device", "1")), names: []string{"0 device: must be a string"}},
		"device is long":              {body: batchOf(changed("device", `"`+strings.Repeat("x", 129)+`"`)), names: []string{"0 device: must be a string of at most 128 bytes"}},
		"app_ver is an object":        {body: batchOf(changed("app_ver", "{}")), names: []string{"0 app_ver: must be a string"}},
		"attributes are a list":       {body: batchOf(changed("attributes", "[]")), names: []string{"0 attributes: must be an object"}},
		"too many attributes":         {body: batchOf(changed("attributes", "{"+strings.Join(many, ",")+"}")), names: []string{"0 attributes: must be an object of at most 64 members"}},
		"too many unknown fields":     {body: batchOf(strings.TrimSuffix(good, "}") + "," + strings.Join(many, ",") + "}"), names: []string{"0 attributes: must be an object of at most 64 members"}},
		"a nameless attribute":        {body: batchOf(changed("attributes", `{"":1}`)), names: []string{"0 attributes.: must have a name of 1 to 128 bytes"}},
		"a long name":                 {body: batchOf(changed(strings.Repeat("n", 129), "1")), names: []string{"must have a name of 1 to 128 bytes"}},
		"an attribute twice":          {body: batchOf(strings.TrimSuffix(good, "}") + `,"x":1,"attributes":{"x":2}}`), names: []string{"0 attributes.x: must not be given twice"}},
		"a field twice":               {body: batchOf(strings.TrimSuffix(good, "}") + `,"action":"like"}`), names: []string{"0 action: must not be given twice"}},
		"one bad among good":          {body: batchOf(good, good, changed("action", "2")), names: []string{"2 action: must be view"}},
		"several faults in two":       {body: batchOf(changed("ts", "0"), changed("dwell_ms", "-1")), names: []string{"0 ts: must", "1 dwell_ms: must"}},
		"several faults in the whole": {body: `{"events":[{}],"y":1}`, names: []string{"0 ts: is", "y: must not be beside"}},
	}
}

// badProtobuf are bodies in the other form.
func badProtobuf() map[string]bad {
	single := typeProtobuf + "; message=nova.events.v1.Event"
	shortUser := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), []byte("short"))
	unknownAction := protowire.AppendVarint(protowire.AppendTag(nil, 6, protowire.VarintType), 9)
	inBatch := func(event []byte) string {
		return string(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), event))
	}
	return map[string]bad{
		"JSON called protobuf":        {contentType: typeProtobuf, body: batch, names: []string{"must be a message of nova.events.v1"}},
		"an empty batch":              {contentType: typeProtobuf, names: []string{"events: must hold 1 to 3 events"}},
		"an empty protobuf event":     {contentType: typeProtobuf, body: inBatch(nil), names: []string{"0 ts: is required", "0 action: is required"}},
		"four protobuf events":        {contentType: typeProtobuf, body: strings.Repeat(inBatch(nil), 4), names: []string{"events: must hold 1 to 3 events"}},
		"cut protobuf":                {contentType: typeProtobuf, body: "\x0a\x05\x0a", names: []string{"must be a message"}},
		"a field beside events":       {contentType: typeProtobuf, body: "\x10\x01" + inBatch(nil), names: []string{"field_2: must not be beside events"}},
		"a UUID of 5 bytes":           {contentType: typeProtobuf, body: inBatch(shortUser), names: []string{"0 user_id: must be a UUID in 16 bytes"}},
		"an action of the future":     {contentType: typeProtobuf, body: inBatch(unknownAction), names: []string{"0 action: must be view"}},
		"a single protobuf event":     {contentType: single, body: string(unknownAction), names: []string{"0 action: must be view", "0 ts: is required"}},
		"an empty single":             {contentType: single, names: []string{"0 ts: is required"}},
		"a message of another schema": {status: 415, contentType: typeProtobuf + "; message=x.Y", body: inBatch(nil), names: []string{"must be nova.events.v1.EventBatch or nova.events.v1.Event"}},
	}
}

// badTransport are requests whose fault is around the body.
func badTransport(t *testing.T) map[string]bad {
	t.Helper()
	whole := compressed(t, batch)
	damaged := []byte(whole)
	damaged[len(damaged)-6] ^= 1 // the checksum
	flipped := []byte(whole)
	flipped[12] ^= 0xff
	return map[string]bad{
		"one byte too large":       {status: 413, body: batch + strings.Repeat(" ", 4001-len(batch)), names: []string{"at most 4000 bytes"}},
		"large when decompressed":  {status: 413, encoding: "gzip", body: compressed(t, batch+strings.Repeat(" ", 4001-len(batch))), names: []string{"at most 4000 bytes, decompressed too"}},
		"a zip bomb":               {status: 413, encoding: "gzip", body: compressed(t, strings.Repeat(" ", 1<<21)), names: []string{"at most 4000 bytes"}},
		"not gzip":                 {encoding: "gzip", body: batch, names: []string{"must be gzip, as its Content-Encoding says"}},
		"empty gzip":               {encoding: "gzip", names: []string{"must not end before it is whole"}},
		"a cut header":             {encoding: "gzip", body: whole[:5], names: []string{"must not end before it is whole"}},
		"cut gzip":                 {encoding: "gzip", body: whole[:len(whole)-20], names: []string{"must not end before it is whole"}},
		"a cut trailer":            {encoding: "gzip", body: whole[:len(whole)-1], names: []string{"must not end before it is whole"}},
		"a wrong checksum":         {encoding: "gzip", body: string(damaged), names: []string{"must not be damaged"}},
		"damaged gzip":             {encoding: "gzip", body: string(flipped), names: []string{"gzip body must not"}},
		"bytes behind gzip":        {encoding: "gzip", body: whole + "\x00", names: []string{"one gzip member with nothing behind it"}},
		"two members":              {encoding: "gzip", body: whole + whole, names: []string{"one gzip member with nothing behind it"}},
		"bad JSON in gzip":         {encoding: "gzip", body: compressed(t, "{}"), names: []string{"0 ts: is required"}},
		"brotli":                   {status: 415, encoding: "br", body: batch, names: []string{"must be gzip, once, or identity"}},
		"gzip twice":               {status: 415, encoding: "gzip, gzip", body: compressed(t, whole), names: []string{"must be gzip, once"}},
		"deflate":                  {status: 415, encoding: "deflate", body: batch, names: []string{"must be gzip"}},
		"another charset":          {status: 415, contentType: typeJSON + "; charset=latin1", body: batch, names: []string{"the charset must be UTF-8"}},
		"another content type":     {status: 415, contentType: "text/csv", body: batch, names: []string{"must be application/json or application/x-protobuf"}},
		"a malformed content type": {status: 415, contentType: typeJSON + "; =", body: batch, names: []string{"must be application/json"}},
		"a form":                   {status: 415, contentType: "multipart/form-data; boundary=x", body: batch, names: []string{"must be application/json"}},
		"a form of a page":         {status: 415, contentType: "application/x-www-form-urlencoded", origin: "https://evil.example", body: batch, names: []string{"must be application/json"}},
		"no type, of a page":       {status: 415, contentType: "none", origin: "https://evil.example", body: batch, names: []string{"must be application/json"}},
		"get":                      {status: 405, method: "GET", names: []string{"events are posted"}},
		"put":                      {status: 405, method: "PUT", body: batch, names: []string{"events are posted"}},
		"options without CORS":     {status: 405, method: "OPTIONS", names: []string{"events are posted"}},
		"post of the description":  {status: 405, path: "/openapi.json", names: []string{"the description is read"}},
		"another path":             {status: 404, path: "/v2/events", body: batch, names: []string{"post events to /v1/events"}},
		"below the path":           {status: 404, path: "/v1/events/1", body: batch, names: []string{"post events to /v1/events"}},
		"a slash too many":         {status: 404, path: "//v1/events", body: batch, names: []string{"post events to /v1/events"}},
		"the root":                 {status: 404, method: "GET", path: "/", names: []string{"post events to /v1/events"}},
		"no token":                 {status: 401, authorization: "none", body: batch, names: []string{"a bearer token is needed"}},
		"an unknown token":         {status: 401, authorization: "Bearer " + secret + "x", body: batch, names: []string{"the bearer token is not known"}},
		"another scheme":           {status: 401, authorization: "Basic " + secret, body: batch, names: []string{"the bearer token is not known"}},
		"large headers":            {status: 431, cookie: strings.Repeat("x", 32<<10), body: batch, names: []string{"at most 32768 bytes"}},
	}
}

// Every bad request gets the status that its fault has and an answer that names it,
// and nothing of it is published.
func TestBadRequests(t *testing.T) {
	count := 0
	for _, table := range []map[string]bad{badJSON(), badProtobuf(), badTransport(t)} {
		count += len(table)
		for name, test := range table {
			t.Run(name, func(t *testing.T) { test.run(t) })
		}
	}
	assert.GreaterOrEqual(t, count, 60)
}

func (b bad) run(t *testing.T) {
	t.Helper()
	f := newFixture(t)
	if b.authorization != "" {
		f = newFixture(t, withTokens(t, "web:"+secret))
	}
	request := newRequest(t, cmp.Or(b.method, http.MethodPost), "http://nova"+cmp.Or(b.path, "/v1/events"), cmp.Or(b.contentType, typeJSON), b.body)
	if b.encoding != "" {
		request.Header.Set("Content-Encoding", b.encoding)
	}
	if b.authorization != "" && b.authorization != "none" {
		request.Header.Set("Authorization", b.authorization)
	}
	if b.origin != "" {
		request.Header.Set("Origin", b.origin)
	}
	if b.contentType == "none" {
		request.Header.Del("Content-Type")
	}
	if b.cookie != "" {
		request.Header.Set("Cookie", b.cookie)
	}
	got := f.send(t, request)
	status := cmp.Or(b.status, http.StatusBadRequest)
	assert.Equal(t, status, got.status, got.body)
	assert.Empty(t, f.kafka.records)
	assert.NotContains(t, got.body, secret)
	var problem struct {
		Title, Detail string
		Errors        []struct {
			Index       *int
			Field, Rule string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &problem))
	assert.Equal(t, http.StatusText(status), problem.Title)
	told := []string{problem.Detail}
	for _, fault := range problem.Errors {
		where := fault.Field
		if fault.Index != nil {
			where = fmt.Sprint(*fault.Index, " ", fault.Field)
		}
		told = append(told, where+": "+fault.Rule)
	}
	for _, want := range b.names {
		assert.Contains(t, strings.Join(told, "\n"), want)
	}
}
