package feedcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// How long a page lives. The jitter keeps pages that were written together from
// ending together.
const (
	TTL    = 120 * time.Second
	Jitter = 30 * time.Second
)

// pagePrefix begins the key of every page, and of nothing else.
const pagePrefix = "feed:v1:"

// Page is one page of a user's feed.
type Page struct {
	PostIDs []uuid.UUID
	// TotalCount is how many posts the whole feed has.
	TotalCount int64
	// CachedAt is when the page was computed, to the second.
	CachedAt time.Time
}

// Place is which page of a feed: Limit posts from Offset on.
type Place struct{ Offset, Limit int }

// member is the place as an index holds it.
func (p Place) member() string { return strconv.Itoa(p.Offset) + ":" + strconv.Itoa(p.Limit) }

// Key is the key of a page: feed:v1:<user_id>:<offset>:<limit>.
func Key(user uuid.UUID, at Place) string { return keyOf(user, at.member()) }

func keyOf(user uuid.UUID, member string) string {
	return pagePrefix + user.String() + ":" + member
}

// userOf reads the user from a page's key, however its end is written: others
// write pages too.
func userOf(key string) (user uuid.UUID, isPage bool) {
	rest, found := strings.CutPrefix(key, pagePrefix)
	text, _, whole := strings.Cut(rest, ":")
	if !found || !whole {
		return uuid.Nil, false
	}
	user, err := uuid.Parse(text)
	return user, err == nil
}

// wirePage is the JSON of a page.
type wirePage struct {
	PostIDs    []uuid.UUID `json:"post_ids"`
	TotalCount int64       `json:"total_count"`
	CachedAt   int64       `json:"cached_at"`
}

// Encode is a page as Redis holds it:
// {"post_ids":[…],"total_count":n,"cached_at":<seconds since 1970>}.
func Encode(page Page) []byte {
	wire := wirePage{PostIDs: page.PostIDs, TotalCount: page.TotalCount, CachedAt: page.CachedAt.Unix()}
	if wire.PostIDs == nil {
		wire.PostIDs = []uuid.UUID{}
	}
	text, _ := json.Marshal(wire) // it has nothing that could fail
	return text
}

// Decode reads what Encode, or another writer of pages, has written.
func Decode(text []byte) (Page, error) {
	var wire wirePage
	if err := json.Unmarshal(text, &wire); err != nil {
		return Page{}, fmt.Errorf("decoding a feed page: %w", err)
	}
	if wire.PostIDs == nil || wire.TotalCount < 0 || wire.CachedAt <= 0 {
		return Page{}, errors.New("decoding a feed page: post_ids, total_count or cached_at is missing or negative")
	}
	return Page{PostIDs: wire.PostIDs, TotalCount: wire.TotalCount, CachedAt: time.Unix(wire.CachedAt, 0).UTC()}, nil
}
