package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/nova-data/nova/pkg/redis"
)

// releaseScript removes a claim if it is still the caller's.
const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

// Cache is the jobs' part of one Redis.
type Cache struct {
	timeout   time.Duration
	connector *redis.Connector
	release   *rueidis.Lua
}

// Entry is one value to write.
type Entry struct {
	Key   string
	Value []byte
	TTL   time.Duration
}

// Open prepares a Cache without connecting. Its errors are those of certificate
// files.
func Open(shared redis.Config, cfg Config) (*Cache, error) {
	connector, err := redis.NewConnector(shared.For(cfg.Redis), redis.Options{ClientName: "nova-jobs", Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	return &Cache{timeout: cfg.Timeout, connector: connector, release: rueidis.NewLuaScript(releaseScript)}, nil
}

// Close closes the connections. A later call connects again.
func (c *Cache) Close() { c.connector.Close() }

// Claim takes key for holder, for ttl, if nobody has it, and returns who has it
// now. That is holder, too, if an earlier Claim of its own took it and the answer
// was lost.
func (c *Cache) Claim(ctx context.Context, key, holder string, ttl time.Duration) (current string, err error) {
	client, ctx, cancel, err := c.connect(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	set := client.B().Set().Key(key).Value(holder).Nx().Get().ExSeconds(seconds(ttl)).Build()
	current, err = client.Do(ctx, set).ToString()
	switch {
	case rueidis.IsRedisNil(err): // nobody had it
		return holder, nil
	case err != nil:
		return "", fmt.Errorf("claiming %s: %w", key, err)
	}
	return current, nil
}

// Release gives a claim back, if it is still holder's.
func (c *Cache) Release(ctx context.Context, key, holder string) error {
	client, ctx, cancel, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := c.release.Exec(ctx, client, []string{key}, []string{holder}).Error(); err != nil {
		return fmt.Errorf("releasing %s: %w", key, err)
	}
	return nil
}

// Read returns the values of keys, nil for one that is not there.
func (c *Cache) Read(ctx context.Context, keys ...string) ([][]byte, error) {
	client, ctx, cancel, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	commands := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		commands[i] = client.B().Get().Key(key).Build()
	}
	values := make([][]byte, len(keys))
	var problems []error
	for i, result := range client.DoMulti(ctx, commands...) {
		value, err := result.AsBytes()
		switch {
		case rueidis.IsRedisNil(err):
		case err != nil:
			problems = append(problems, fmt.Errorf("reading %s: %w", keys[i], err))
		default:
			values[i] = value
		}
	}
	return values, errors.Join(problems...)
}

// Write puts entries in their order, those of one node at least.
func (c *Cache) Write(ctx context.Context, entries ...Entry) error {
	client, ctx, cancel, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	commands := make(rueidis.Commands, len(entries))
	for i, e := range entries {
		commands[i] = client.B().Set().Key(e.Key).Value(rueidis.BinaryString(e.Value)).ExSeconds(seconds(e.TTL)).Build()
	}
	var problems []error
	for i, result := range client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			problems = append(problems, fmt.Errorf("writing %s: %w", entries[i].Key, err))
		}
	}
	return errors.Join(problems...)
}

// seconds rounds up: EX takes no 0.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// connect returns the client and the context of one call.
func (c *Cache) connect(ctx context.Context) (rueidis.Client, context.Context, context.CancelFunc, error) {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	return client, limited, cancel, nil
}
