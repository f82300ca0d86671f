package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A text is the same for the same batch for ever: it is the token under which the
// rows are known to ClickHouse, over upgrades too.
func TestText(t *testing.T) {
	b := Batch{Topic: "events", Ranges: []Range{{3, 100, 180}, {11, 7, 7}}, TimeMS: 1764000000123}
	assert.Equal(t, "events|3:100-180,11:7-7|t=1764000000123", b.Text())
	assert.Equal(t, "v1;1764000000999;events|3:100-180,11:7-7|t=1764000000123", Plan{Batch: b, AtMS: 1764000000999}.Metadata())
	found, err := ParseMetadata(Plan{Batch: b, AtMS: 1764000000999}.Metadata())
	require.NoError(t, err)
	assert.Equal(t, Plan{Batch: b, AtMS: 1764000000999}, found)
}

// The metadata of the largest lane fits what brokers take.
func TestMetadataFits(t *testing.T) {
	b := Batch{Topic: strings.Repeat("t", 249), TimeMS: 1<<63 - 1}
	for p := range 16 {
		b.Ranges = append(b.Ranges, Range{100000 + p, 1<<62 - 1, 1<<63 - 1})
	}
	assert.Less(t, len(Plan{Batch: b, AtMS: 1<<63 - 1}.Metadata()), 4000)
}

// What Text has not written is refused, with what was found.
func TestParseRefuses(t *testing.T) {
	for _, metadata := range []string{
		"", "v1", "v2;1;t|0:0-0|t=0", "v1;x;t|0:0-0|t=0", "v1;1;t", "v1;1;|0:0-0|t=0", "v1;1;t|0:0-0|0",
		"v1;1;t||t=0", "v1;1;t|0:1-0|t=0", "v1;1;t|0:0-0,0:1-1|t=0", "v1;1;t|1:0-0,0:0-0|t=0", "v1;1;t|-1:0-0|t=0",
		"v1;1;t|0:00-0|t=0", "v1;1;t|0:0-0|t=0|", "v1;1;t|0:0|t=0", "v1;1;t|0:0-0|t=99999999999999999999",
	} {
		_, err := ParseMetadata(metadata)
		require.Error(t, err, metadata)
		assert.Contains(t, err.Error(), "reading")
	}
}

// Anything can lie beside an offset: reading it never panics, and what reads as a
// plan is written the same.
func FuzzParseMetadata(f *testing.F) {
	f.Add("v1;1764000000999;events|3:100-180,11:7-7|t=1764000000123")
	f.Add("v1;-1;t|0:0-0|t=-1")
	f.Fuzz(func(t *testing.T, metadata string) {
		plan, err := ParseMetadata(metadata)
		if err != nil {
			return
		}
		again, err := ParseMetadata(plan.Metadata())
		require.NoError(t, err)
		assert.Equal(t, plan, again)
	})
}
