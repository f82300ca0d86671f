package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/services/jobs/internal/trending"
)

const (
	defaultWindow = "1h"
	defaultLimit  = 20
	maxLimit      = 1000

	// cacheable is for how long others may keep an answer.
	cacheable = 5 * time.Second
)

// list is the body of GET /v1/trending.
type list struct {
	Window     string `json:"window"`
	From       string `json:"from"`
	To         string `json:"to"`
	CachedAt   string `json:"cached_at"`
	AgeSeconds int64  `json:"age_seconds"`
	Stale      bool   `json:"stale"`
	Posts      []post `json:"posts"`
}

type post struct {
	PostID   uuid.UUID `json:"post_id"`
	Score    float64   `json:"score"`
	CachedAt int64     `json:"cached_at"` // seconds since 1970
}

func (h *Handler) trending(w http.ResponseWriter, r *http.Request) *problem {
	window, limit, refusal := parameters(r.URL.RawQuery)
	if refusal != nil {
		return refusal
	}
	answer, err := h.deps.Lists.Read(r.Context(), window)
	switch {
	case errors.Is(err, trending.ErrUnknown):
		return newProblem(http.StatusNotFound, "no job computes the window "+window.Text)
	case err != nil:
		return newProblem(http.StatusServiceUnavailable, "neither Redis nor ClickHouse has this list now: try again")
	}
	body := list{
		Window: window.Text, From: answer.From.Format(time.RFC3339), To: answer.To.Format(time.RFC3339),
		CachedAt: answer.CachedAt.Format(time.RFC3339), AgeSeconds: int64(answer.Age.Seconds()), Stale: answer.IsStale,
		Posts: make([]post, min(limit, len(answer.Posts))),
	}
	for i := range body.Posts {
		body.Posts[i] = post{PostID: answer.Posts[i].ID, Score: answer.Posts[i].Score, CachedAt: answer.CachedAt.Unix()}
	}
	w.Header().Set("Age", strconv.FormatInt(body.AgeSeconds, 10))
	// Whoever keeps the answer counts its age in (RFC 9111, 4.2).
	w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", body.AgeSeconds+int64(cacheable.Seconds())))
	writeJSON(w, "application/json", http.StatusOK, body)
	return nil
}

// parameters reads the query string, or says all that is wrong with it.
func parameters(query string) (window trending.Window, limit int, refusal *problem) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return trending.Window{}, 0, newProblem(http.StatusBadRequest, "the query string is malformed")
	}
	var faults []fault
	text := defaultWindow
	if values.Has("window") {
		text = values.Get("window")
	}
	if window, err = trending.ParseWindow(text); err != nil {
		faults = append(faults, fault{Parameter: "window", Rule: err.Error()})
	}
	limit = defaultLimit
	if values.Has("limit") {
		limit, err = strconv.Atoi(values.Get("limit"))
		if err != nil || limit < 1 || limit > maxLimit {
			faults = append(faults, fault{Parameter: "limit", Rule: fmt.Sprintf("must be a whole number from 1 to %d", maxLimit)})
		}
	}
	if len(faults) > 0 {
		return trending.Window{}, 0, newProblem(http.StatusBadRequest, "correct the parameters", faults...)
	}
	return window, limit, nil
}
