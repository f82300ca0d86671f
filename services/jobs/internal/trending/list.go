package trending

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/services/jobs/internal/cache"
)

// List is the posts of a window, best first.
type List struct {
	// From and To are the window's bounds, From included.
	From, To time.Time
	// CachedAt is when it was computed, FreshUntil when it should have been
	// computed again; in milliseconds.
	CachedAt, FreshUntil time.Time
	Posts                []Post
}

// Post is one post of a List.
type Post struct {
	ID    uuid.UUID
	Score float64
}

// keyPrefix begins the keys of all lists.
const keyPrefix = "nova:cache:trending:"

// Key is the key of a window's list, and MetaKey of when it was made.
func Key(w Window) string { return keyPrefix + w.Text }

// MetaKey is the key of when a window's list was made.
func MetaKey(w Window) string { return Key(w) + ":meta" }

// wirePost is a post as the cache holds it.
type wirePost struct {
	PostID   uuid.UUID `json:"post_id"`
	Score    float64   `json:"score"`
	CachedAt int64     `json:"cached_at"` // seconds since 1970
}

// wireMeta is what the cache holds beside a list.
type wireMeta struct {
	CachedAt   int64 `json:"cached_at"`   // milliseconds since 1970
	FreshUntil int64 `json:"fresh_until"` // milliseconds since 1970
	From       int64 `json:"from"`        // seconds since 1970
	To         int64 `json:"to"`          // seconds since 1970
}

// freshFor is how long the list counts as fresh.
func (l List) freshFor() time.Duration { return l.FreshUntil.Sub(l.CachedAt) }

// entries returns the list as the cache holds it, and then its meta.
func (l List) entries(w Window, ttl time.Duration) ([]cache.Entry, error) {
	posts := make([]wirePost, len(l.Posts))
	for i, post := range l.Posts {
		posts[i] = wirePost{PostID: post.ID, Score: post.Score, CachedAt: l.CachedAt.Unix()}
	}
	value, err1 := json.Marshal(posts)
	meta, err2 := json.Marshal(wireMeta{
		CachedAt: l.CachedAt.UnixMilli(), FreshUntil: l.FreshUntil.UnixMilli(), From: l.From.Unix(), To: l.To.Unix(),
	})
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("encoding a trending list: %w", err)
	}
	return []cache.Entry{{Key: Key(w), Value: value, TTL: ttl}, {Key: MetaKey(w), Value: meta, TTL: ttl}}, nil
}

// errMixed is a list whose meta is that of another: they are two keys, which may
// lie on two nodes, and somebody was or is about to write the other half.
var errMixed = errors.New("decoding a trending list: its meta is of another run")

// decode reads the values of entries of w. With errMixed it still returns the
// posts, as stale, and with the older of the two times. Posts tell their run by
// the second; a list of none fits every meta.
func decode(w Window, value, meta []byte) (List, error) {
	var posts []wirePost
	var about wireMeta
	if err := errors.Join(json.Unmarshal(value, &posts), json.Unmarshal(meta, &about)); err != nil {
		return List{}, fmt.Errorf("decoding a trending list: %w", err)
	}
	if about.CachedAt <= 0 || about.To <= about.From || len(posts) > 0 && posts[0].CachedAt <= 0 {
		return List{}, errors.New("decoding a trending list: it has no times")
	}
	l := List{
		From: time.Unix(about.From, 0).UTC(), To: time.Unix(about.To, 0).UTC(),
		CachedAt: time.UnixMilli(about.CachedAt).UTC(), FreshUntil: time.UnixMilli(about.FreshUntil).UTC(),
		Posts: make([]Post, len(posts)),
	}
	for i, post := range posts {
		l.Posts[i] = Post{ID: post.PostID, Score: post.Score}
	}
	if len(posts) == 0 || posts[0].CachedAt == l.CachedAt.Unix() {
		return l, nil
	}
	computed := time.Unix(posts[0].CachedAt, 0).UTC()
	l.From, l.To = w.bounds(computed)
	l.FreshUntil = time.Time{}
	if computed.Before(l.CachedAt) {
		l.CachedAt = computed
	}
	return l, errMixed
}

// rounded is a score without the digits that adding up made: three views are
// 0.3.
func rounded(score float64) float64 {
	const digits = 12
	shorter, err := strconv.ParseFloat(strconv.FormatFloat(score, 'g', digits, 64), 64)
	if err != nil {
		return score
	}
	return shorter
}
