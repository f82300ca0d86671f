package load

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

var start = time.UnixMilli(1_700_000_000_000)

// decoded reads a body as the API does, with the encoded size of each event.
func decoded(t *testing.T, cfg Config, body []byte) (events []event.Event, sizes []int) {
	t.Helper()
	if cfg.Gzip {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		body, err = io.ReadAll(unpacked)
		require.NoError(t, err)
	}
	bounds := event.Bounds{MaxEvents: cfg.Batch, Earliest: start, Latest: start.Add(100 * 365 * 24 * time.Hour)}
	decode := event.DecodeJSONBatch
	if cfg.Format == Protobuf {
		decode = event.DecodeProtobufBatch
	}
	events, err := decode(body, bounds)
	require.NoError(t, err, "the API would refuse this")
	for i := range events {
		encoded := appendJSON(nil, &events[i])
		if cfg.Format == Protobuf {
			encoded = events[i].AppendProtobuf(nil)
		}
		require.Contains(t, string(body), string(encoded), "what is decoded is what was encoded")
		sizes = append(sizes, len(encoded))
	}
	return events, sizes
}

// composed returns the events of the first requests.
func composed(t *testing.T, cfg Config, requests int) (events []event.Event, sizes []int) {
	t.Helper()
	c := newComposer(newPlan(cfg, start))
	for request := range requests {
		body, err := c.body(request)
		require.NoError(t, err)
		more, moreSizes := decoded(t, cfg, body)
		require.Len(t, more, cfg.Batch)
		events, sizes = append(events, more...), append(sizes, moreSizes...)
	}
	return events, sizes
}

// Bodies are what the API documents, in every form, and the same events in each.
func TestForms(t *testing.T) {
	cfg := small()
	cfg.Duplicates = 0.2
	want, _ := composed(t, cfg, 10)
	for _, format := range []Format{JSON, Protobuf} {
		for _, isPacked := range []bool{false, true} {
			cfg.Format, cfg.Gzip = format, isPacked
			got, _ := composed(t, cfg, 10)
			assert.Equal(t, ids(want), ids(got))
			for i := range want {
				assert.Equal(t, want[i].TimeMS, got[i].TimeMS)
				assert.Equal(t, want[i].Action, got[i].Action)
				assert.Equal(t, want[i].Device, got[i].Device)
			}
		}
	}
}

func ids(events []event.Event) []uuid.UUID {
	var all []uuid.UUID
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

// The share of copies is exact in every beginning of the load. Copies equal their
// original in everything, some are in its request and some in a later one.
func TestDuplicates(t *testing.T) {
	for _, share := range []float64{0, 0.01, 0.1, 1.0 / 3, 0.5, 0.9} {
		for _, batch := range []int{1, 7, 100} {
			t.Run(fmt.Sprintf("%.2f in %d", share, batch), func(t *testing.T) {
				cfg := small()
				cfg.Duplicates, cfg.Batch, cfg.Payload = share, batch, 400
				events, _ := composed(t, cfg, 1050/batch)
				first := map[uuid.UUID]int{}
				var near, far int
				for i, e := range events {
					original, isCopy := first[e.ID]
					switch {
					case !isCopy:
						first[e.ID] = i
					case original/batch == i/batch:
						near++
					default:
						far++
					}
					require.Equal(t, events[first[e.ID]], e, "a copy differs from its original")
					require.Equal(t, int(float64(i+1)*share), near+far, "after %d", i+1)
				}
				if share > 0.05 {
					require.NotZero(t, far)
					require.Equal(t, batch > 1, near > 0)
				}
			})
		}
	}
}

// Each event has exactly the size that was asked for, whatever it says, also where
// the length of a length makes a difference.
func TestPayload(t *testing.T) {
	for _, format := range []Format{JSON, Protobuf} {
		cfg := small()
		cfg.Format = format
		cfg.Batch = 1
		sizes := []int{300, 301, 511, 512, 1600, 4095, 8200, 20_000, maxPayload}
		for size := format.minPayload(); size < 480; size++ {
			sizes = append(sizes, size)
		}
		for size := 4150; size < 4250; size += 3 {
			sizes = append(sizes, size)
		}
		for _, size := range sizes {
			cfg.Payload = size
			_, got := composed(t, cfg, 2)
			for _, n := range got {
				require.Equal(t, size, n, format)
			}
		}
	}
}

// An event without padding fits into the least size that can be asked for.
func TestSmallestPayload(t *testing.T) {
	for _, format := range []Format{JSON, Protobuf} {
		cfg := small()
		cfg.Format, cfg.Batch = format, 100
		_, sizes := composed(t, cfg, 50)
		for _, size := range sizes {
			require.LessOrEqual(t, size, format.minPayload())
		}
	}
}

// Users and posts are drawn by the exponent: the first rank's share is the formula's.
func TestSkew(t *testing.T) {
	for _, skew := range []float64{0, 0.8, 1, 1.5} {
		cfg := small()
		cfg.Skew, cfg.Users, cfg.Posts, cfg.Batch = skew, 1000, 20, 100
		events, _ := composed(t, cfg, 60)
		users, posts := map[uuid.UUID]int{}, map[uuid.UUID]int{}
		for _, e := range events {
			users[e.UserID]++
			posts[e.PostID]++
		}
		for stream, drawn := range map[uint64]map[uuid.UUID]int{usersStream: users, postsStream: posts} {
			n := map[uint64]int{usersStream: cfg.Users, postsStream: cfg.Posts}[stream]
			var sum float64
			for k := range n {
				sum += math.Pow(float64(k+1), -skew)
			}
			want := float64(len(events)) / sum
			assert.InDelta(t, want, drawn[person(stream, 0)], 5*math.Sqrt(want)+1, "skew %v", skew)
			assert.LessOrEqual(t, len(drawn), n)
		}
	}
}

// Two runs share no id, and none with the sample traffic that may run beside; the
// same seed makes the same choices.
func TestRunsAreApart(t *testing.T) {
	cfg := small()
	first := newComposer(newPlan(cfg, start))
	second := newComposer(newPlan(cfg, start.Add(time.Millisecond)))
	seen := map[uuid.UUID]bool{}
	for place := range 100 {
		a, b := first.event(place), second.event(place)
		require.Equal(t, a.UserID, b.UserID)
		require.Equal(t, a.Action, b.Action)
		for _, id := range []uuid.UUID{a.ID, b.ID, sample.NewRun(start).ID(uint64(place)), first.marker(place, start).ID} {
			require.False(t, seen[id])
			seen[id] = true
		}
	}
	cfg.Seed = 2
	require.NotEqual(t, first.event(1).UserID, newComposer(newPlan(cfg, start)).event(1).UserID)
}

// An event is sent in the form that its length says: EventBatch has one field.
func TestProtobufFraming(t *testing.T) {
	cfg := small()
	cfg.Format, cfg.Payload = Protobuf, 200
	body, err := newComposer(newPlan(cfg, start)).body(0)
	require.NoError(t, err)
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		require.EqualValues(t, 1, number)
		require.Equal(t, protowire.BytesType, kind)
		value, m := protowire.ConsumeBytes(body[n:])
		require.Len(t, value, 200)
		body = body[n+m:]
	}
}

func BenchmarkBody(b *testing.B) {
	for _, payload := range []int{0, 300} {
		cfg := small()
		cfg.Batch, cfg.Payload = 100, payload
		b.Run(strconv.Itoa(payload), func(b *testing.B) {
			c := newComposer(newPlan(cfg, start))
			for i := range b.N {
				if _, err := c.body(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
