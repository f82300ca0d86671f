package feedcache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/telemetry"
)

const (
	// indexPrefix begins the key of a user's index: the places of the pages,
	// scored by when each has certainly ended.
	indexPrefix = "nova:feed:pages:"
	// liveKey holds the users who have pages, scored by when the last one has
	// certainly ended.
	liveKey = "nova:feed:live"

	// lifetime outlives every page, also where clocks differ a little.
	lifetime = TTL + Jitter + 10*time.Second
)

// Deps is what a Cache is given by its owner.
type Deps struct{ Meter metric.Meter }

// Cache is the feed pages in one Redis.
type Cache struct {
	timeout   time.Duration
	connector *redis.Connector
	ratio     *telemetry.HitRatio
	script    *rueidis.Lua
}

// Open prepares a Cache without connecting. Its errors are those of certificate
// files and of the meter.
func Open(shared redis.Config, cfg Config, deps Deps) (*Cache, error) {
	connector, err := redis.NewConnector(shared.For(cfg.Redis), redis.Options{ClientName: "nova-feedcache", Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	ratio, err := telemetry.NewHitRatio(deps.Meter, "feed")
	if err != nil {
		return nil, err
	}
	return &Cache{timeout: cfg.Timeout, connector: connector, ratio: ratio, script: rueidis.NewLuaScriptNoSha(removeUnchanged)}, nil
}

// Close closes the connections. A later call connects again.
func (c *Cache) Close() { c.connector.Close() }

// Read returns a page, if there is one. A value that is no page counts as none:
// the reader computes the page anew and so mends it.
func (c *Cache) Read(ctx context.Context, user uuid.UUID, at Place) (page Page, found bool, err error) {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return Page{}, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	text, err := client.Do(ctx, client.B().Get().Key(Key(user, at)).Build()).AsBytes()
	if err != nil && !rueidis.IsRedisNil(err) {
		return Page{}, false, fmt.Errorf("reading a feed page: %w", err)
	}
	if err == nil {
		page, err = Decode(text)
	}
	if err != nil {
		c.ratio.Miss(ctx)
		return Page{}, false, nil
	}
	c.ratio.Hit(ctx)
	return page, true, nil
}

// Write puts a page. After an error the page may be there, and is then in the
// index.
func (c *Cache) Write(ctx context.Context, user uuid.UUID, at Place, page Page) error {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return err
	}
	if at.Offset < 0 || at.Limit <= 0 {
		return fmt.Errorf("writing a feed page: offset %d and limit %d are no place in a feed", at.Offset, at.Limit)
	}
	ttl := TTL + rand.N(Jitter) //nolint:gosec // spreads endings, guards nothing
	now := time.Now()
	set := client.B().Set().Key(Key(user, at)).Value(rueidis.BinaryString(Encode(page))).Px(ttl).Build()
	// Each step is acknowledged before the next: the keys may lie on different
	// nodes. The second entry differs from the first, so that whoever removes
	// the page meanwhile does not take it for what it has read.
	for _, step := range []rueidis.Commands{
		entries(client, user, at, now),
		{set},
		entries(client, user, at, now.Add(time.Microsecond)),
	} {
		if err := c.do(ctx, client, step, nil); err != nil {
			return fmt.Errorf("writing a feed page: %w", err)
		}
	}
	return nil
}

// entries makes a place and its user known, until no page of then can be left: a
// page that is written later must not end the user's time sooner.
func entries(client rueidis.Client, user uuid.UUID, at Place, now time.Time) rueidis.Commands {
	index := indexPrefix + user.String()
	ends := float64(now.Add(lifetime).UnixMicro())
	return rueidis.Commands{
		client.B().Zadd().Key(liveKey).ScoreMember().ScoreMember(ends, user.String()).Build(),
		client.B().Zadd().Key(index).ScoreMember().ScoreMember(ends, at.member()).Build(),
		client.B().Pexpire().Key(index).Milliseconds(lifetime.Milliseconds()).Build(),
	}
}

// pipelineSize is how many commands go in one pipeline.
const pipelineSize = 1000

// do runs commands in pipelines and calls each, if there is one, with the number
// of a command and its reply. The first error ends it.
func (c *Cache) do(ctx context.Context, client rueidis.Client, commands rueidis.Commands, each func(int, rueidis.RedisMessage) error) error {
	for first := 0; first < len(commands); first += pipelineSize {
		part := commands[first:min(first+pipelineSize, len(commands))]
		if err := c.pipeline(ctx, client, part, func(i int, reply rueidis.RedisMessage) error {
			if each == nil {
				return nil
			}
			return each(first+i, reply)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) pipeline(ctx context.Context, client rueidis.Client, commands rueidis.Commands, each func(int, rueidis.RedisMessage) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for i, result := range client.DoMulti(ctx, commands...) {
		reply, err := result.ToMessage()
		if err == nil || rueidis.IsRedisNil(err) {
			err = each(i, reply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
