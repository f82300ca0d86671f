package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
)

// answer is the response to one query.
type answer struct {
	writer  http.ResponseWriter
	version string
	started time.Time
	isSent  bool // the status has gone out
}

func newAnswer(w http.ResponseWriter, queryID, version string) *answer {
	a := &answer{writer: w, version: version, started: time.Now()}
	a.set("X-ClickHouse-Query-Id", queryID)
	a.set("X-ClickHouse-Server-Display-Name", "nova")
	return a
}

// set gives a header its value under the name as ClickHouse writes it, for scripts
// that look for it by case.
func (a *answer) set(name, value string) { a.writer.Header()[name] = []string{value} }

// send writes the result. The status goes out with the first chunk, so that an error
// before it has a status of its own.
func (a *answer) send(format string, result *engine.Result) error {
	for {
		chunk, err := result.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !a.isSent {
			a.set("Content-Type", contentType(format))
			a.set("X-ClickHouse-Format", format)
			a.begin(http.StatusOK, result.Stats())
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if _, err := a.writer.Write(chunk); err != nil {
			return err
		}
		if err := http.NewResponseController(a.writer).Flush(); err != nil {
			return err
		}
	}
}

// finish answers a statement that has no result.
func (a *answer) finish(stats engine.Stats) {
	a.set("Content-Type", "text/plain; charset=UTF-8")
	a.begin(http.StatusOK, stats)
}

// begin sends the status and, as far as it is known by then, what the query did.
func (a *answer) begin(status int, stats engine.Stats) {
	a.isSent = true
	a.set("X-ClickHouse-Summary", summary(stats, time.Since(a.started)))
	a.writer.WriteHeader(status)
}

// summary is the JSON object of X-ClickHouse-Summary, whose numbers are strings.
func summary(stats engine.Stats, elapsed time.Duration) string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	text, err := json.Marshal(map[string]string{
		"read_rows":     number(stats.ReadRows),
		"read_bytes":    number(stats.ReadBytes),
		"written_rows":  number(stats.WrittenRows),
		"written_bytes": number(stats.WrittenBytes),
		"result_rows":   number(stats.ResultRows),
		"result_bytes":  number(stats.ResultBytes),
		"elapsed_ns":    strconv.FormatInt(elapsed.Nanoseconds(), 10),
	})
	if err != nil {
		return "{}"
	}
	return string(text)
}

// fail tells the client of an error: by the status or, when a part of the result has
// gone out, by its text behind that part and by the end of the connection in the
// middle of the body.
func (a *answer) fail(err error) {
	exception := asException(err)
	text := exception.Error() + " (version " + a.version + ")\n"
	if a.isSent {
		_, _ = io.WriteString(a.writer, "\n"+text) //nolint:gosec // plain text; the client may have gone
		_ = http.NewResponseController(a.writer).Flush()
		a.cut()
		return
	}
	a.set("Content-Type", "text/plain; charset=UTF-8")
	a.set("X-ClickHouse-Exception-Code", strconv.Itoa(int(exception.Code)))
	a.begin(status(exception.Code), engine.Stats{})
	_, _ = io.WriteString(a.writer, text) //nolint:gosec // plain text; the client may have gone
}

// cut closes the connection as it is.
func (a *answer) cut() {
	connection, _, err := http.NewResponseController(a.writer).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// asException returns err as ClickHouse would report it.
func asException(err error) *engine.Exception {
	var exception *engine.Exception
	if errors.As(err, &exception) {
		return exception
	}
	return &engine.Exception{Code: 1001, Name: "STD_EXCEPTION", Message: err.Error()}
}

func syntaxError(message string) error {
	return &engine.Exception{Code: 62, Name: "SYNTAX_ERROR", Message: message}
}

func notImplemented(what string) error {
	return &engine.Exception{Code: 48, Name: "NOT_IMPLEMENTED", Message: "This server does not support " + what}
}

// bodyError is for a body that does not arrive whole, or cannot be unpacked.
func bodyError(err error) error {
	return &engine.Exception{Code: 33, Name: "CANNOT_READ_ALL_DATA", Message: "Cannot read the request body: " + err.Error()}
}
