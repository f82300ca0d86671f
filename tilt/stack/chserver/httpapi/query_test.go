package httpapi

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The server says that it is alive as ClickHouse does.
func TestAlive(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/", "/ping", "/?database=nova"} {
		response, err := s.client.Get(s.url + path)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, "Ok.\n", string(text), path)
	}
	response, err := s.client.Get(s.url + "/nothing")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
	assert.Equal(t, http.StatusNotImplemented, s.do(http.MethodPut, nil, nil).status)
	assert.Equal(t, http.StatusNoContent, s.do(http.MethodOptions, nil, nil).status)
}

// A query comes in the URL, in the body or in both; parameters, settings, database
// and format come in the URL or in headers, and a FORMAT clause wins.
func TestQuery(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		method, body, want string
		url, headers       []string
	}{
		"URL":           {method: "GET", url: []string{"query", "SELECT 1"}, want: "1\n"},
		"body":          {method: "POST", body: "SELECT 2", want: "2\n"},
		"both":          {method: "POST", url: []string{"query", "SELECT"}, body: "3", want: "3\n"},
		"packed":        {method: "POST", body: "SELECT 4", headers: []string{"Content-Encoding", "gzip"}, want: "4\n"},
		"form":          {method: "POST", body: "SELECT 5", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, want: "5\n"},
		"semicolon":     {method: "GET", url: []string{"query", "SELECT ';' -- ;\n;"}, want: ";\n"},
		"parameter":     {method: "GET", url: []string{"query", "SELECT {a:String}, {b:Array(UInt8)}", "param_a", "';\\t", "param_b", "[1,2]"}, want: "\\';\\t\t[1,2]\n"},
		"setting":       {method: "GET", url: []string{"query", "SELECT getSetting('max_block_size')", "max_block_size", "77"}, want: "77\n"},
		"database":      {method: "GET", url: []string{"query", "SELECT currentDatabase()", "database", "nova"}, want: "nova\n"},
		"header":        {method: "GET", url: []string{"query", "SELECT currentDatabase()"}, headers: []string{"X-ClickHouse-Database", "nova"}, want: "nova\n"},
		"none":          {method: "GET", url: []string{"query", "SELECT currentDatabase()"}, want: "nova\n"},
		"format":        {method: "GET", url: []string{"query", "SELECT 1 AS a", "default_format", "JSONEachRow"}, want: "{\"a\":1}\n"},
		"format header": {method: "GET", url: []string{"query", "SELECT 1 AS a"}, headers: []string{"X-ClickHouse-Format", "CSVWithNames"}, want: "\"a\"\n1\n"},
		"clause":        {method: "GET", url: []string{"query", "SELECT 1 AS a FORMAT TSKV", "default_format", "JSONEachRow"}, want: "a=1\n"},
		"user":          {method: "GET", url: []string{"query", "SELECT 1", "user", "default", "password", "x"}, want: "1\n"},
		"no rows":       {method: "GET", url: []string{"query", "SELECT 1 WHERE 0"}},
		"head":          {method: "HEAD", url: []string{"query", "SELECT 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(c.body)
			if name == "packed" {
				body = gzipped(t, c.body)
			}
			answer := s.do(c.method, c.url, body, c.headers...)
			assert.Equal(t, http.StatusOK, answer.status)
			assert.Equal(t, c.want, answer.body)
			assert.Empty(t, answer.code())
		})
	}
}

// A result of many blocks is one document in every format, and the answer names the
// format, the query and what was read.
func TestResult(t *testing.T) {
	s := newServer(t)
	const sql = "SELECT number FROM numbers(150000)"
	answer := s.do(http.MethodGet, []string{"query", sql, "default_format", "JSONCompact", "query_id", "abc"}, nil)
	var document struct{ Rows int }
	require.NoError(t, json.Unmarshal([]byte(answer.body), &document))
	assert.Equal(t, 150000, document.Rows)
	assert.Equal(t, "application/json; charset=UTF-8", answer.header.Get("Content-Type"))
	assert.Equal(t, "JSONCompact", answer.header.Get("X-ClickHouse-Format"))
	assert.Equal(t, "abc", answer.header.Get("X-ClickHouse-Query-Id"))
	var summary map[string]string
	require.NoError(t, json.Unmarshal([]byte(answer.header.Get("X-ClickHouse-Summary")), &summary))
	assert.Equal(t, "150000", summary["result_rows"])

	for format, lines := range map[string]int{"CSV": 150000, "JSONEachRow": 150000, "CSVWithNames": 150001, "TSVWithNamesAndTypes": 150002} {
		answer := s.do(http.MethodGet, []string{"query", sql + " FORMAT " + format}, nil)
		assert.Equal(t, lines, strings.Count(answer.body, "\n"), format)
	}
	answer = s.do(http.MethodGet, []string{"query", sql + " FORMAT RowBinary"}, nil)
	assert.Len(t, answer.body, 8*150000)
	assert.NotEmpty(t, answer.header.Get("X-ClickHouse-Query-Id"))
}

// An error has ClickHouse's status, code and text.
func TestErrors(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	for name, c := range map[string]struct {
		method, body, code, text string
		status                   int
		url, headers             []string
	}{
		"unknown table":       {method: "GET", url: []string{"query", "SELECT * FROM missing"}, status: 404, code: "60", text: "UNKNOWN_TABLE"},
		"unknown database":    {method: "GET", url: []string{"query", "SELECT 1", "database", "missing"}, status: 404, code: "81"},
		"unknown setting":     {method: "GET", url: []string{"query", "SELECT 1", "no_such", "1"}, status: 404, code: "115"},
		"syntax":              {method: "POST", body: "SELEC 1", status: 400, code: "62", text: "Syntax error"},
		"empty":               {method: "POST", body: " ", status: 400, code: "62", text: "Empty query"},
		"two statements":      {method: "POST", body: "SELECT 1; SELECT 2", status: 400, code: "62"},
		"missing parameter":   {method: "GET", url: []string{"query", "SELECT {a:UInt8}"}, status: 500, code: "456"},
		"write by GET":        {method: "GET", url: []string{"query", "CREATE TABLE nova.u (a UInt8) ENGINE = Memory"}, status: 500, code: "164"},
		"INSERT by GET":       {method: "GET", url: []string{"query", "INSERT INTO nova.t VALUES (1)"}, status: 500, code: "164"},
		"readonly by GET":     {method: "GET", url: []string{"query", "SELECT 1", "readonly", "0"}, status: 500, code: "164"},
		"readonly by POST":    {method: "POST", url: []string{"readonly", "1"}, body: "INSERT INTO nova.t VALUES (1)", status: 500, code: "164"},
		"timeout":             {method: "GET", url: []string{"query", "SELECT sum(cityHash64(number)) FROM numbers(100000000000)", "max_execution_time", "0.1"}, status: 408, code: "159"},
		"too large":           {method: "POST", body: "SELECT '" + strings.Repeat("x", 17<<20) + "'", status: 413, code: "229"},
		"not implemented":     {method: "POST", url: []string{"query", "SELECT 1"}, headers: []string{"Content-Encoding", "br"}, body: "x", status: 501, code: "48"},
		"own compression":     {method: "GET", url: []string{"query", "SELECT 1", "compress", "1"}, status: 501, code: "48"},
		"multipart":           {method: "POST", headers: []string{"Content-Type", "multipart/form-data; boundary=x"}, body: "x", status: 501, code: "48"},
		"damaged body":        {method: "POST", headers: []string{"Content-Encoding", "gzip"}, body: "x", status: 500, code: "33"},
		"row does not fit":    {method: "POST", url: []string{"query", "INSERT INTO nova.t FORMAT CSV"}, body: "x\n", status: 400, code: "117"},
		"unknown format":      {method: "POST", body: "INSERT INTO nova.t FORMAT Nonsense\n1", status: 404, code: "73"},
		"insert into missing": {method: "POST", body: "INSERT INTO nova.missing FORMAT CSV\n1", status: 404, code: "60"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.do(c.method, c.url, strings.NewReader(c.body), c.headers...)
			assert.Equal(t, c.status, answer.status, answer.body)
			assert.Equal(t, c.code, answer.code(), answer.body)
			assert.Contains(t, answer.body, "Code: "+c.code+". DB::Exception: ")
			assert.Contains(t, answer.body, c.text)
		})
	}
	assert.Equal(t, "0\n", s.post("SELECT count() FROM t"))
}

// Headers are spelled as ClickHouse spells them: scripts look for them by case.
func TestHeaderSpelling(t *testing.T) {
	s := newServer(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	_, err = io.WriteString(connection, "GET /?query=nonsense HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(connection)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "X-ClickHouse-Exception-Code: 47\r\n")
}

// A POST without a length is refused: a body of unknown end cannot be told from none.
func TestLengthRequired(t *testing.T) {
	s := newServer(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?query=SELECT+1", nil)
	response := httptest.NewRecorder()
	New(Deps{Engine: s.engine}).ServeHTTP(response, request)
	assert.Equal(t, http.StatusLengthRequired, response.Code)
}

// The statuses belong to the codes of the engine that runs.
func TestStatus(t *testing.T) {
	s := newServer(t)
	for _, p := range problems() {
		name := s.do(http.MethodGet, []string{"query", "SELECT errorCodeToName({code:Int32})", "param_code", jsonNumber(t, p.code)}, nil)
		assert.Equal(t, p.name+"\n", name.body)
		assert.Equal(t, p.status, status(p.code))
	}
	assert.Equal(t, http.StatusInternalServerError, status(999))
}

func jsonNumber(t *testing.T, n int32) string {
	t.Helper()
	text, err := json.Marshal(n)
	require.NoError(t, err)
	return string(text)
}

// Rows arrive while the query runs, and it ends when the client goes.
func TestStreamAndLeave(t *testing.T) {
	s := newServer(t)
	query := url.Values{"query": {"SELECT number FROM system.numbers"}}
	response, err := s.client.Get(s.url + "/?" + query.Encode())
	require.NoError(t, err)
	rows := bufio.NewReader(response.Body)
	for _, want := range []string{"0\n", "1\n", "2\n"} {
		row, err := rows.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, row)
	}
	const running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT number FROM system.numbers%'"
	require.Equal(t, "1\n", s.post(running))
	require.NoError(t, response.Body.Close())
	require.Eventually(t, func() bool { return s.post(running) == "0\n" }, 10*time.Second, 20*time.Millisecond)
}

// A query that sends no rows for long ends, too, when the client goes.
func TestLeaveSilentQuery(t *testing.T) {
	s := newServer(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 300 * time.Millisecond}
	defer client.CloseIdleConnections()
	query := url.Values{"query": {"SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"}}
	_, err := client.Get(s.url + "/?" + query.Encode())
	require.Error(t, err)
	const running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(cityHash64(%'"
	require.Eventually(t, func() bool { return s.post(running) == "0\n" }, 10*time.Second, 20*time.Millisecond)
}

// A result that fails in the middle cannot be taken for a whole one.
func TestErrorInTheMiddle(t *testing.T) {
	s := newServer(t)
	query := url.Values{"query": {"SELECT throwIf(number = 500000) FROM numbers(1000000)"}, "max_block_size": {"1000"}, "max_threads": {"1"}}
	response, err := s.client.Get(s.url + "/?" + query.Encode())
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	assert.Equal(t, http.StatusOK, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Contains(t, string(text), "Code: 395. DB::Exception")
}

// No URL and no body make the parser of requests fail.
func FuzzParseRequest(f *testing.F) {
	f.Add("query=SELECT+1&param_a=1&database=nova", "POST", "FORMAT CSV\n1")
	f.Add("a=b&&=&query", "GET", "")
	f.Add("%zz", "POST", "INSERT INTO t FORMAT RowBinary\n\x00")
	f.Fuzz(func(t *testing.T, rawQuery, method, body string) {
		r := &http.Request{
			Method: method, URL: &url.URL{RawQuery: rawQuery}, Header: http.Header{},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}
		q, err := parseRequest(r)
		if err != nil || q.insert == nil {
			return
		}
		rows, err := io.ReadAll(q.rows)
		require.NoError(t, err)
		text := r.URL.Query().Get("query") + "\n" + body
		assert.True(t, strings.HasSuffix(text, string(rows)))
	})
}
