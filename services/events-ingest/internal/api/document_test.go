package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

// document is openapi.json, so far as answers are held against it.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Responses map[string]response `json:"responses"`
		Headers   map[string]struct {
			Required bool `json:"required"`
		} `json:"headers"`
	} `json:"components"`

	compiler *jsonschema.Compiler
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

type operation struct {
	Security  []any               `json:"security"`
	Responses map[string]response `json:"responses"`
}

type response struct {
	Ref     string                     `json:"$ref"`
	Headers map[string]response        `json:"headers"`
	Content map[string]json.RawMessage `json:"content"`
}

// loadDocument reads the document once: its schemas take a while to compile.
var loadDocument = sync.OnceValues(func() (*document, error) {
	content, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	d := &document{compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	return d, errors.Join(err, json.Unmarshal(content, d), d.compiler.AddResource("openapi.json", raw))
})

// validate holds a JSON value against the schema at a place of the document.
func (d *document) validate(t *testing.T, place string, value []byte) {
	t.Helper()
	d.mu.Lock()
	schema := d.compiled[place]
	if schema == nil {
		var err error
		schema, err = d.compiler.Compile("openapi.json#" + place)
		if !assert.NoError(t, err) {
			d.mu.Unlock()
			return
		}
		d.compiled[place] = schema
	}
	d.mu.Unlock()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if assert.NoError(t, err, "%s", value) {
		assert.NoError(t, schema.Validate(decoded), "%s", value)
	}
}

// component is the response that answers of a status are; false if the document
// has none.
func (d *document) component(path string, status int) (name string, isDocumented bool) {
	methods, isKnown := d.Paths[path]
	if !isKnown {
		return "NotFound", status == http.StatusNotFound
	}
	for _, operation := range methods { // one each
		found, isDocumented := operation.Responses[strconv.Itoa(status)]
		return strings.TrimPrefix(found.Ref, "#/components/responses/"), isDocumented
	}
	return "", false
}

// holdAgainstDocument fails for an answer that the document does not have, and for
// a body that was accepted and that it does not allow.
func holdAgainstDocument(t *testing.T, request *http.Request, sent []byte, got answer) {
	t.Helper()
	d, err := loadDocument()
	require.NoError(t, err)
	if request.Method == http.MethodOptions && got.status == http.StatusNoContent || got.status == http.StatusOK {
		return
	}
	name, isDocumented := d.component(request.URL.Path, got.status)
	if !assert.True(t, isDocumented, "%s %s is not documented to answer %d", request.Method, request.URL.Path, got.status) {
		return
	}
	for header, reference := range d.Components.Responses[name].Headers {
		component := strings.TrimPrefix(reference.Ref, "#/components/headers/")
		if assert.NotEmpty(t, got.header.Get(header), header) {
			quoted, err := json.Marshal(got.header.Get(header))
			require.NoError(t, err)
			d.validate(t, "/components/headers/"+component+"/schema", quoted)
		}
	}
	contentType := got.header.Get("Content-Type")
	if assert.Contains(t, d.Components.Responses[name].Content, contentType) {
		d.validate(t, "/components/responses/"+name+"/content/"+strings.ReplaceAll(contentType, "/", "~1")+"/schema", []byte(got.body))
	}
	isJSON := !strings.Contains(request.Header.Get("Content-Type"), "protobuf") && request.Header.Get("Content-Encoding") == ""
	if got.status == http.StatusAccepted && isJSON {
		d.validate(t, "/components/requestBodies/Events/content/application~1json/schema", sent)
	}
}

// The examples of the document are what it says they are.
func TestDocumentedExamples(t *testing.T) {
	content, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	var parsed struct {
		Components struct {
			RequestBodies struct {
				Events struct {
					Content map[string]struct {
						Examples map[string]struct{ Value json.RawMessage } `json:"examples"`
					} `json:"content"`
				} `json:"Events"`
			} `json:"requestBodies"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(content, &parsed))
	examples := parsed.Components.RequestBodies.Events.Content[typeJSON].Examples
	require.Len(t, examples, 2)
	for name, example := range examples {
		assert.Equal(t, http.StatusAccepted, newFixture(t).post(t, string(example.Value)).status, name)
	}
}

// Each status that the document has for an operation is answered by it, in the form
// that it says.
func TestEveryDocumentedStatus(t *testing.T) {
	d, err := loadDocument()
	require.NoError(t, err)
	for path, methods := range d.Paths {
		for method, operation := range methods {
			for status := range operation.Responses {
				t.Run(strings.TrimPrefix(path, "/")+" "+status, func(t *testing.T) {
					provoke, isKnown := provocations()[status]
					require.True(t, isKnown, "no request is known that gets this status")
					got := provoke(t, newRequest(t, strings.ToUpper(method), path, typeJSON, batch))
					assert.Equal(t, status, strconv.Itoa(got.status), got.body)
				})
			}
		}
	}
}

// provocations turn a good request into one that gets the status.
func provocations() map[string]func(*testing.T, *http.Request) answer {
	with := func(change func(*http.Request)) func(*testing.T, *http.Request) answer {
		return func(t *testing.T, request *http.Request) answer {
			t.Helper()
			change(request)
			return newFixture(t).send(t, request)
		}
	}
	return map[string]func(*testing.T, *http.Request) answer{
		"200": with(func(*http.Request) {}),
		"202": with(func(*http.Request) {}),
		"400": with(func(r *http.Request) { r.Body = http.NoBody }),
		"401": func(t *testing.T, r *http.Request) answer {
			t.Helper()
			return newFixture(t, withTokens(t, "web:"+secret)).send(t, r)
		},
		"405": with(func(r *http.Request) { r.Method = http.MethodDelete }),
		"408": with(func(r *http.Request) { r.Body = slowBody{} }),
		"413": with(func(r *http.Request) { r.ContentLength = 4001 }),
		"415": with(func(r *http.Request) { r.Header.Set("Content-Type", "text/csv") }),
		"429": func(t *testing.T, r *http.Request) answer {
			t.Helper()
			return newFixture(t, func(c *api.Config) { c.MaxConcurrent = 0 }).send(t, r)
		},
		"431": with(func(r *http.Request) { r.Header.Set("Cookie", strings.Repeat("x", 32<<10)) }),
		"503": func(t *testing.T, r *http.Request) answer {
			t.Helper()
			f := newFixture(t)
			f.kafka.fail = errors.New("no leader")
			return f.send(t, r)
		},
	}
}

// What is served is the document, as the API is configured: the number of events,
// and tokens only where they are asked for.
func TestServedDocument(t *testing.T) {
	fetch := func(f *fixture, method string) answer {
		return f.serveOne(newRequest(t, method, "/openapi.json", "", ""))
	}
	decode := func(got answer) (d *document, maxItems float64) {
		d = &document{}
		require.Equal(t, http.StatusOK, got.status)
		require.NoError(t, json.Unmarshal([]byte(got.body), d))
		var parsed struct {
			Components struct {
				Schemas map[string]struct {
					Properties struct{ Events struct{ MaxItems float64 } }
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &parsed))
		return d, parsed.Components.Schemas["EventBatch"].Properties.Events.MaxItems
	}
	closed, maxItems := decode(fetch(newFixture(t, withTokens(t, "web:"+secret)), http.MethodGet))
	assert.InDelta(t, 3, maxItems, 0)
	assert.NotEmpty(t, closed.Paths["/v1/events"]["post"].Security)
	assert.Contains(t, closed.Paths["/v1/events"]["post"].Responses, "401")
	open, _ := decode(fetch(newFixture(t), http.MethodGet))
	assert.Empty(t, open.Paths["/v1/events"]["post"].Security)
	assert.NotContains(t, open.Paths["/v1/events"]["post"].Responses, "401")

	committed, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	whole := newFixture(t, withTokens(t, "web:"+secret), func(c *api.Config) { c.MaxEvents = 100 })
	assert.JSONEq(t, string(committed), fetch(whole, http.MethodGet).body, "nothing is lost on the way")
	assert.Equal(t, http.StatusOK, fetch(whole, http.MethodHead).status)
	paths := []string{"/events", "/openapi.json", "/v1/events"}
	for path := range closed.Paths {
		assert.True(t, slices.Contains(paths, path), path)
	}
}
