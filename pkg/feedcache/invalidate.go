package feedcache

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
)

// removeUnchanged takes members from a sorted set whose score is still the one
// given, and returns how many members are left.
//
//nolint:dupword // Lua ends its blocks so
const removeUnchanged = `
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i+1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return redis.call('ZCARD', KEYS[1])`

// Invalidate removes the pages of users that Write has put, and returns how many
// there were. Users without pages cost a part of one command. After an error it
// is to be called again with the same users.
func (c *Cache) Invalidate(ctx context.Context, users []uuid.UUID) (pages int, err error) {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(users, pipelineSize) {
		removed, err := c.invalidate(ctx, client, some)
		pages += removed
		if err != nil {
			return pages, fmt.Errorf("removing feed pages: %w", err)
		}
	}
	return pages, nil
}

// feed is what is known of one user's pages.
type feed struct {
	user      uuid.UUID
	liveScore float64
	places    []rueidis.ZScore
	// left is how many places the index has after the removal.
	left int64
}

func (c *Cache) invalidate(ctx context.Context, client rueidis.Client, users []uuid.UUID) (pages int, err error) {
	feeds, err := c.live(ctx, client, users)
	if err != nil || len(feeds) == 0 {
		return 0, err
	}
	if err := c.readIndexes(ctx, client, feeds); err != nil {
		return 0, err
	}
	var keys []string
	for _, f := range feeds {
		for _, place := range f.places {
			keys = append(keys, keyOf(f.user, place.Member))
		}
	}
	if pages, err = c.unlink(ctx, client, keys); err != nil {
		return pages, err
	}
	return pages, c.forget(ctx, client, feeds)
}

// live returns those of users who have pages.
func (c *Cache) live(ctx context.Context, client rueidis.Client, users []uuid.UUID) ([]feed, error) {
	names := make([]string, len(users))
	for i, user := range users {
		names[i] = user.String()
	}
	commands := rueidis.Commands{
		client.B().Zremrangebyscore().Key(liveKey).Min("-inf").Max(strconv.FormatInt(time.Now().UnixMicro(), 10)).Build(),
		client.B().Zmscore().Key(liveKey).Member(names...).Build(),
	}
	var feeds []feed
	err := c.do(ctx, client, commands, func(i int, reply rueidis.RedisMessage) error {
		if i == 0 {
			return nil
		}
		scores, err := reply.ToArray()
		if err != nil {
			return err
		}
		for i := range scores {
			score, err := scores[i].AsFloat64()
			if rueidis.IsRedisNil(err) {
				continue
			}
			if err != nil {
				return err
			}
			feeds = append(feeds, feed{user: users[i], liveScore: score})
		}
		return nil
	})
	return feeds, err
}

func (c *Cache) readIndexes(ctx context.Context, client rueidis.Client, feeds []feed) error {
	commands := make(rueidis.Commands, len(feeds))
	for i, f := range feeds {
		commands[i] = client.B().Zrange().Key(indexPrefix + f.user.String()).Min("0").Max("-1").Withscores().Build()
	}
	return c.do(ctx, client, commands, func(i int, reply rueidis.RedisMessage) (err error) {
		feeds[i].places, err = reply.AsZScores()
		return err
	})
}

// unlink removes keys and returns how many there were.
func (c *Cache) unlink(ctx context.Context, client rueidis.Client, keys []string) (removed int, err error) {
	commands := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		commands[i] = client.B().Unlink().Key(key).Build()
	}
	err = c.do(ctx, client, commands, func(_ int, reply rueidis.RedisMessage) error {
		count, err := reply.AsInt64()
		removed += int(count)
		return err
	})
	return removed, err
}

// forget takes from the indexes what was read there, and users without places
// from the live ones, as far as nobody has written meanwhile.
func (c *Cache) forget(ctx context.Context, client rueidis.Client, feeds []feed) error {
	commands := make([]rueidis.LuaExec, len(feeds))
	for i, f := range feeds {
		commands[i] = rueidis.LuaExec{Keys: []string{indexPrefix + f.user.String()}, Args: conditions(f.places)}
	}
	if err := c.run(ctx, client, commands, func(i int, left int64) { feeds[i].left = left }); err != nil {
		return err
	}
	var gone []rueidis.ZScore
	for _, f := range feeds {
		if f.left == 0 {
			gone = append(gone, rueidis.ZScore{Member: f.user.String(), Score: f.liveScore})
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return c.run(ctx, client, []rueidis.LuaExec{{Keys: []string{liveKey}, Args: conditions(gone)}}, func(int, int64) {})
}

// conditions are the arguments of removeUnchanged.
func conditions(read []rueidis.ZScore) []string {
	args := make([]string, 0, 2*len(read))
	for _, entry := range read {
		args = append(args, entry.Member, strconv.FormatFloat(entry.Score, 'f', -1, 64))
	}
	return args
}

// run runs removeUnchanged for each of executions.
func (c *Cache) run(ctx context.Context, client rueidis.Client, executions []rueidis.LuaExec, each func(i int, left int64)) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for i, result := range c.script.ExecMulti(ctx, client, executions...) {
		left, err := result.AsInt64()
		if err != nil {
			return err
		}
		each(i, left)
	}
	return nil
}
