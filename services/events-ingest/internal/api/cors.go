package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	anyOrigin = "*"
	// What pages may send and read (Fetch standard, CORS protocol). 600 s is what
	// all browsers keep an answer for at the most, Firefox apart.
	corsRequestHeaders = "Authorization, Content-Encoding, Content-Type, Traceparent, X-Request-Id"
	corsAnswerHeaders  = "Retry-After, X-Request-Id"
	corsMaxAgeSeconds  = "600"
)

// cors lets the pages of some origins use the API from a browser.
type cors struct {
	origins []string
	isAny   bool
}

func newCORS(origins []string) cors {
	return cors{origins: origins, isAny: slices.Contains(origins, anyOrigin)}
}

func (c cors) isOn() bool { return len(c.origins) > 0 }

// mark adds to an answer what lets the origin's pages read it.
func (c cors) mark(answer, request http.Header) (isAllowed bool) {
	if !c.isOn() {
		return false
	}
	answer.Add("Vary", "Origin")
	origin := request.Get("Origin")
	switch {
	case origin == "":
		return false
	case c.isAny:
		origin = anyOrigin
	case !slices.Contains(c.origins, origin):
		return false
	}
	answer.Set("Access-Control-Allow-Origin", origin)
	answer.Set("Access-Control-Expose-Headers", corsAnswerHeaders)
	return true
}

// isPreflight tells a browser's question from another OPTIONS.
func (c cors) isPreflight(r *http.Request) bool {
	return c.isOn() && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers a browser's question. Who is not allowed is told nothing, and
// the browser refuses its page.
func (c cors) preflight(x *exchange, methods string) {
	answer := x.w.Header()
	answer.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	if x.isAllowed {
		answer.Set("Access-Control-Allow-Methods", methods)
		answer.Set("Access-Control-Allow-Headers", corsRequestHeaders)
		answer.Set("Access-Control-Max-Age", corsMaxAgeSeconds)
	}
	x.w.WriteHeader(http.StatusNoContent)
}

// validateOrigins refuses what no browser sends as Origin, which would be found
// out by a user.
func validateOrigins(origins []string) error {
	var problems []error
	for _, origin := range origins {
		if origin == anyOrigin {
			continue
		}
		parsed, err := url.Parse(origin)
		if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" ||
			parsed.Scheme+"://"+parsed.Host != origin || strings.ToLower(origin) != origin || strings.Contains(origin, anyOrigin) {
			problems = append(problems, fmt.Errorf("CORS_ORIGINS: %q must be *, or http(s)://host[:port] in lower case and without a path", origin))
		}
	}
	return errors.Join(problems...)
}
