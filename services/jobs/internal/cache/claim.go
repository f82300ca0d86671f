package cache

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

const (
	// replaceScript puts ARGV[2] for ARGV[3] seconds where nothing is, or ARGV[1],
	// and returns what is there then.
	replaceScript = `local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return ARGV[2]`

	// releaseScript removes a claim if it is still the caller's.
	releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`
)

// Claim takes key for holder, for ttl from now, if nobody else has it, and returns
// what is there now: holder, or what another has put. A holder that claims again
// has it for longer.
func (c *Cache) Claim(ctx context.Context, key, holder string, ttl time.Duration) (current string, err error) {
	return c.Replace(ctx, key, holder, holder, ttl)
}

// Replace puts value in the place of holder's claim, for ttl, if nobody else has
// it, and returns what is there now.
func (c *Cache) Replace(ctx context.Context, key, holder, value string, ttl time.Duration) (current string, err error) {
	err = c.do(ctx, func(ctx context.Context, client rueidis.Client) (err error) {
		arguments := []string{holder, value, strconv.FormatInt(seconds(ttl), 10)}
		if current, err = c.replace.Exec(ctx, client, []string{key}, arguments).ToString(); err != nil {
			return fmt.Errorf("claiming %s: %w", key, err)
		}
		return nil
	})
	return current, err
}

// Release gives a claim back, if it is still holder's.
func (c *Cache) Release(ctx context.Context, key, holder string) error {
	return c.do(ctx, func(ctx context.Context, client rueidis.Client) error {
		if err := c.release.Exec(ctx, client, []string{key}, []string{holder}).Error(); err != nil {
			return fmt.Errorf("releasing %s: %w", key, err)
		}
		return nil
	})
}
