package feedcache_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/feedcache"
)

// Keys and values are those that every reader and writer of feed pages uses.
func TestFormat(t *testing.T) {
	user := uuid.MustParse("11111111-0000-4000-8000-000000000001")
	assert.Equal(t, "feed:v1:11111111-0000-4000-8000-000000000001:40:20", feedcache.Key(user, feedcache.Place{Offset: 40, Limit: 20}))
	assert.JSONEq(t, `{"post_ids":["33333333-0000-4000-8000-000000000001","33333333-0000-4000-8000-000000000002"],"total_count":41,"cached_at":1795773600}`,
		string(feedcache.Encode(page())))
	assert.JSONEq(t, `{"post_ids":[],"total_count":0,"cached_at":1795773600}`, string(feedcache.Encode(feedcache.Page{CachedAt: page().CachedAt})))
	decoded, err := feedcache.Decode(feedcache.Encode(page()))
	require.NoError(t, err)
	assert.Equal(t, page(), decoded)
}

// A value that is no page is told from one that is.
func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":       `feed`,
		"another shape": `["33333333-0000-4000-8000-000000000001"]`,
		"no ids":        `{"total_count":1,"cached_at":1}`,
		"a bad id":      `{"post_ids":["x"],"total_count":1,"cached_at":1}`,
		"no time":       `{"post_ids":[],"total_count":1}`,
		"negative":      `{"post_ids":[],"total_count":-1,"cached_at":1}`,
	} {
		_, err := feedcache.Decode([]byte(text))
		assert.Error(t, err, name)
	}
}

// Whatever a key holds, decoding it neither panics nor gives a page that would
// be written another way.
func FuzzDecode(f *testing.F) {
	f.Add(feedcache.Encode(page()))
	f.Add([]byte(`{"post_ids":[],"total_count":0,"cached_at":9223372036854775807}`))
	f.Add([]byte(`{"post_ids":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		decoded, err := feedcache.Decode(text)
		if err != nil {
			return
		}
		again, err := feedcache.Decode(feedcache.Encode(decoded))
		require.NoError(t, err)
		require.Equal(t, decoded, again)
	})
}
