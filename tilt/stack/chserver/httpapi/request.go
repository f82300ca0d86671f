package httpapi

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/statement"
)

const (
	// headBytes bounds the text of an INSERT up to its rows; ClickHouse's own
	// max_query_size is as much.
	headBytes = 256 << 10
	// queryBytes bounds the text of any other statement.
	queryBytes = 16 << 20
)

// request is what an HTTP request asks of the engine.
type request struct {
	queryID    string
	database   string // empty for the server's own
	format     string // of the result, where the text names none
	isReadOnly bool
	parameters []engine.Parameter
	settings   []engine.Setting

	// insert is set for an INSERT of rows, text for any other statement.
	insert *statement.Insert
	text   string
	rows   io.Reader
}

// parseRequest reads the URL, the headers, and as much of the body as is needed to
// know the statement.
func parseRequest(r *http.Request) (request, error) {
	values := r.URL.Query()
	q := request{
		queryID:    cmp.Or(values.Get("query_id"), r.Header.Get("X-ClickHouse-Query-Id"), uuid.NewString()),
		database:   cmp.Or(r.Header.Get("X-ClickHouse-Database"), values.Get("database")),
		format:     cmp.Or(r.Header.Get("X-ClickHouse-Format"), values.Get("default_format"), defaultFormat),
		isReadOnly: isRead(r.Method),
	}
	if err := q.readValues(values); err != nil {
		return q, err
	}
	body, err := openBody(r)
	if err != nil {
		return q, err
	}
	return q, q.readStatement(values.Get("query"), body)
}

// readValues sorts the names in the URL into parameters and settings.
func (q *request) readValues(values url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(name)
		parameter, isParameter := strings.CutPrefix(name, "param_")
		switch {
		case isParameter:
			q.parameters = append(q.parameters, engine.Parameter{Name: parameter, Value: value})
		case name == "compress" || name == "decompress":
			if value != "0" { // passed over, the client could not read the answer
				return notImplemented("the option " + name)
			}
		case isReserved(name):
		default:
			q.settings = append(q.settings, engine.Setting{Name: name, Value: value, Important: true})
		}
	}
	return nil
}

// isReserved reports whether a name in the URL is no setting. Those behind query_id
// change nothing here.
func isReserved(name string) bool {
	switch name {
	case "", "query", "database", "default_format", "query_id",
		"user", "password", "quota_key", "role", "stacktrace", "buffer_size", "wait_end_of_query",
		"session_id", "session_timeout", "session_check", "close_session", "client_protocol_version":
		return true
	}
	return false
}

// openBody returns the body as the client meant it.
func openBody(r *http.Request) (io.Reader, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, notImplemented("a multipart body")
	}
	if r.Method == http.MethodPost && r.ContentLength == 0 && r.Header.Get("Content-Length") == "" {
		return nil, &engine.Exception{
			Code: 381, Name: "HTTP_LENGTH_REQUIRED",
			Message: "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request",
		}
	}
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip":
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, bodyError(err)
		}
		return body, nil
	default:
		return nil, notImplemented("Content-Encoding " + encoding)
	}
}

// readStatement takes the statement from the URL's query and the body behind it.
func (q *request) readStatement(query string, body io.Reader) error {
	if query != "" {
		body = io.MultiReader(strings.NewReader(query+"\n"), body)
	}
	reader := bufio.NewReaderSize(body, headBytes)
	head, err := reader.Peek(headBytes)
	if err != nil && err != io.EOF {
		return bodyError(err)
	}
	text := string(head)
	if insert, ok := statement.ParseInsert(text); ok {
		if _, err := reader.Discard(statement.RowsOffset(text)); err != nil {
			return bodyError(err)
		}
		q.insert, q.rows = &insert, reader
		return nil
	}
	return q.readText(reader)
}

// readText takes the whole text of a statement that no rows follow.
func (q *request) readText(reader io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(reader, queryBytes+1))
	if err != nil {
		return bodyError(err)
	}
	q.text = string(text)
	switch {
	case len(text) > queryBytes:
		return &engine.Exception{Code: 229, Name: "QUERY_IS_TOO_LARGE", Message: "The query is larger than 16 MiB"}
	case strings.TrimSpace(q.text) == "":
		return syntaxError("Empty query")
	case !statement.IsSingle(q.text):
		return syntaxError("Multi-statements are not allowed")
	}
	q.format = cmp.Or(statement.Format(q.text), q.format)
	return nil
}
