package httpapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

// Rows come behind the statement or apart from it, in any format, packed or not;
// not a byte of them is lost to white space.
func TestInsert(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	for name, c := range map[string]struct {
		url, headers []string
		body, want   string
	}{
		"all in the body":    {body: "INSERT INTO nova.t FORMAT JSONEachRow\n{\"a\":1,\"b\":\"x\"}{\"a\":2}", want: "1\tx\n2\t\n"},
		"rows in the body":   {url: []string{"query", "INSERT INTO nova.t FORMAT CSV"}, body: "1,x\n2,\"y\"\"\"\n", want: "1\tx\n2\ty\"\n"},
		"packed":             {url: []string{"query", "INSERT INTO nova.t FORMAT TSV"}, headers: []string{"Content-Encoding", "gzip"}, body: "7\tz\n", want: "7\tz\n"},
		"values":             {url: []string{"query", "INSERT INTO nova.t VALUES"}, body: "(1, 'x'), (1 + 1, lower('Y'))", want: "1\tx\n2\ty\n"},
		"values in the URL":  {url: []string{"query", "INSERT INTO nova.t (a) VALUES (5)"}, want: "5\t\n"},
		"VALUES in the body": {url: []string{"query", "INSERT INTO nova.t (a)"}, body: "VALUES (6)", want: "6\t\n"},
		"binary":             {url: []string{"query", "INSERT INTO nova.t FORMAT RowBinary"}, body: "\n\x00\x00\x00\x00\x00\x00\x00\x02\n;", want: "10\t\\n;\n"},
		"parameters":         {url: []string{"query", "INSERT INTO {t:Identifier} VALUES ({a:UInt64}, {b:String})", "database", "nova", "param_t", "t", "param_a", "9", "param_b", "it's"}, want: "9\tit\\'s\n"},
		"no rows":            {url: []string{"query", "INSERT INTO nova.t FORMAT CSV"}},
		"own settings":       {url: []string{"query", "INSERT INTO nova.t SETTINGS format_csv_delimiter = '|' FORMAT CSV", "format_csv_delimiter", ";"}, body: "3|v\n", want: "3\tv\n"},
		"settings":           {url: []string{"query", "INSERT INTO nova.t FORMAT CSV", "format_csv_delimiter", ";"}, body: "3;w\n", want: "3\tw\n"},
		"select":             {body: "INSERT INTO nova.t SELECT number, 's' FROM numbers(2)", want: "0\ts\n1\ts\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(c.body)
			if name == "packed" {
				body = gzipped(t, c.body)
			}
			answer := s.do(http.MethodPost, c.url, body, c.headers...)
			require.Equal(t, http.StatusOK, answer.status, answer.body)
			assert.Empty(t, answer.body)
			rows := strings.Count(c.want, "\n")
			assert.Contains(t, answer.header.Get("X-ClickHouse-Summary"), fmt.Sprintf(`"written_rows":"%d"`, rows))
			assert.Equal(t, c.want, s.post("SELECT * FROM t ORDER BY a"))
			s.post("TRUNCATE TABLE t")
		})
	}
}

// A large INSERT goes through whole, and its token makes a second one change nothing.
func TestInsertToken(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10")
	var rows strings.Builder
	for n := range 300000 {
		fmt.Fprintln(&rows, n)
	}
	names := []string{"database", "nova", "query", "INSERT INTO t FORMAT TSV", "insert_deduplication_token", "x"}
	for range 2 {
		answer := s.do(http.MethodPost, names, strings.NewReader(rows.String()))
		require.Equal(t, http.StatusOK, answer.status, answer.body)
	}
	assert.Equal(t, "300000\t300000\n", s.post("SELECT count(), uniqExact(a) FROM t"))
}

// A body that ends before its announced length stores nothing.
func TestInsertCutOff(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(connection, "POST /?database=nova&query=INSERT+INTO+t+FORMAT+CSV HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1\n2\n3\n")
	require.NoError(t, err)
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	_, err = io.ReadAll(connection)
	require.NoError(t, err)
	require.NoError(t, connection.Close())
	assert.Equal(t, "0\n", s.post("SELECT count() FROM t"))
}

// An INSERT that the end of the server cuts off gets no answer: none may be taken for
// its success.
func TestStopInInsert(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(connection, "POST /?database=nova&query=INSERT+INTO+t+FORMAT+CSV HTTP/1.1\r\nHost: x\r\n"+
		"Content-Length: 10000000\r\n\r\n"+strings.Repeat("1\n", headBytes)) // enough for the INSERT to start
	require.NoError(t, err)
	const running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t%'"
	require.Eventually(t, func() bool { return s.post(running) == "1\n" }, 10*time.Second, 10*time.Millisecond)
	s.stop()
	answer, err := io.ReadAll(connection)
	if err != nil { // rows that nobody reads any more make the end a reset
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	assert.Empty(t, answer)
	require.NoError(t, connection.Close())
	session, err := s.engine.NewSession("nova")
	require.NoError(t, err)
	defer session.Close()
	count, err := session.Text(t.Context(), "SELECT count() FROM t")
	require.NoError(t, err)
	assert.Equal(t, "0\n", count)
}

// A planned fault happens to the next INSERT of rows, at its moment, once.
func TestFaults(t *testing.T) {
	s := newServer(t)
	s.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	insert := func() (answer answerOf, err error) {
		response, err := s.client.Post(s.url+"/?database=nova", "", strings.NewReader("INSERT INTO t VALUES (1)"))
		if err != nil {
			return answerOf{}, err
		}
		return answerOf{status: response.StatusCode, header: response.Header}, response.Body.Close()
	}
	plant := func(rule string) {
		response, err := s.client.Post(s.url+"/faults", "application/json", strings.NewReader(rule))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	stored := func(want string) {
		t.Helper()
		assert.Equal(t, want+"\n", s.post("SELECT count() FROM t"))
	}

	plant(`{"action":"exception","code":241}`)
	answer, err := insert()
	require.NoError(t, err)
	assert.Equal(t, "241", answer.code())
	stored("0")

	plant(`{"action":"exception","code":159,"when":"after","table":"t"}`)
	answer, err = insert()
	require.NoError(t, err)
	assert.Equal(t, http.StatusRequestTimeout, answer.status)
	stored("1")

	plant(`{"action":"cut","when":"after"}`)
	_, err = insert()
	require.Error(t, err)
	stored("2")

	plant(`{"action":"exit"}`)
	_, err = insert()
	require.NoError(t, err)
	<-s.exits

	plant(`{"action":"delay","delay_ms":50}`)
	begin := time.Now()
	_, err = insert()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(begin), 50*time.Millisecond)
	stored("4")
	assert.Equal(t, []fault.Rule{}, s.faults.Rules())
}

// Without a plan there is nothing to control.
func TestNoFaults(t *testing.T) {
	s := newServer(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/faults", nil)
	require.NoError(t, err)
	_, pattern := New(Deps{Engine: s.engine}).(*http.ServeMux).Handler(request)
	assert.Empty(t, pattern)
}
