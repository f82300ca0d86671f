package statuspage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// The orders that a part takes.
const (
	stopOrder  = "stop"
	startOrder = "start"
)

// maxRefusal bounds what is read of an answer that refuses.
const maxRefusal = 4 << 10

func partPath(part, order string) string { return "/parts/" + part + "/" + order }

// order carries out one order. A browser names the origin of every request that a
// page makes it send, so no web page can stop a developer's database.
func order(carryOut func(part string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "orders are not taken from web pages", http.StatusForbidden)
			return
		}
		err := carryOut(r.PathValue("part"))
		var unknown *supervisor.UnknownPartError
		switch {
		case errors.As(err, &unknown):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
}

// Stop tells the stack whose status page is at base to stop a part. It does not
// wait for the part's end, which the table shows.
func Stop(ctx context.Context, base, part string) error { return give(ctx, base, part, stopOrder) }

// Start tells the stack whose status page is at base to start a part that was
// stopped. It does not wait until the part is ready, which the table shows.
func Start(ctx context.Context, base, part string) error { return give(ctx, base, part, startOrder) }

func give(ctx context.Context, base, part, order string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := send(ctx, http.MethodPost, base+partPath(url.PathEscape(part), order))
	if err != nil {
		return fmt.Errorf("asking for the %s of %s: %w", order, part, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusAccepted {
		return nil
	}
	reason, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil || response.Header.Get("Content-Type") == "" {
		return fmt.Errorf("asking for the %s of %s: %s", order, part, response.Status)
	}
	return errors.New(strings.TrimSpace(string(reason)))
}
