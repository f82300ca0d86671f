package statuspage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

const (
	jsonPath = "/status.json"
	timeout  = 5 * time.Second
)

// Stack is whose parts are shown and, by hand, stopped and started; a
// *supervisor.Supervisor is one. Its methods do not wait.
type Stack interface {
	Status() []supervisor.Status
	StopPart(name string) error
	StartPart(name string) error
}

// Handler serves the table of stack, and takes orders for its parts.
func Handler(stack Stack) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+jsonPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(stack.Status())
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		var table bytes.Buffer
		_ = Write(&table, stack.Status(), time.Now())
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			_, _ = table.WriteTo(w)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page().Execute(w, table.String())
	})
	mux.Handle("POST "+partPath("{part}", stopOrder), order(stack.StopPart))
	mux.Handle("POST "+partPath("{part}", startOrder), order(stack.StartPart))
	return mux
}

func page() *template.Template {
	return template.Must(template.New("status").Parse(
		`<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Nova stack</title><pre>{{.}}</pre>`))
}

// Write prints table to w, with times relative to now.
func Write(w io.Writer, table []supervisor.Status, now time.Time) error {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(aligned, "PART\tSTATE\tPID\tADDRESS\tRESTARTS\tSINCE\t")
	for _, s := range table {
		fmt.Fprintf(aligned, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
			s.Part, s.State, number(s.PID), s.Address, s.Restarts, now.Sub(s.Since).Round(time.Second), s.Problem)
	}
	return aligned.Flush()
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// Fetch returns the table of the stack whose status page is at base.
func Fetch(ctx context.Context, base string) ([]supervisor.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := send(ctx, http.MethodGet, base+jsonPath)
	if err != nil {
		return nil, fmt.Errorf("asking for the status: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the status: %s", response.Status)
	}
	var table []supervisor.Status
	if err := json.NewDecoder(response.Body).Decode(&table); err != nil {
		return nil, fmt.Errorf("reading the status: %w", err)
	}
	return table, nil
}

// send makes one request, on a connection of its own. The body of the answer is
// the caller's to close.
func send(ctx context.Context, method, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = true
	return http.DefaultClient.Do(request)
}
