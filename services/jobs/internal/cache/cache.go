package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/nova-data/nova/pkg/redis"
)

// Cache is the jobs' part of one Redis.
type Cache struct {
	timeout   time.Duration
	connector *redis.Connector
	replace   *rueidis.Lua
	release   *rueidis.Lua
	watch     watch
}

// Entry is one value to write.
type Entry struct {
	Key   string
	Value []byte
	TTL   time.Duration
}

// Open prepares a Cache without connecting. Its errors are those of certificate
// files.
func Open(shared redis.Config, cfg Config, deps Deps) (*Cache, error) {
	connector, err := redis.NewConnector(shared.For(cfg.Redis), redis.Options{ClientName: "nova-jobs", Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	return &Cache{
		timeout: cfg.Timeout, connector: connector, watch: watch{health: deps.Health},
		replace: rueidis.NewLuaScript(replaceScript), release: rueidis.NewLuaScript(releaseScript),
	}, nil
}

// Close closes the connections. A later call connects again.
func (c *Cache) Close() { c.connector.Close() }

// Read returns the values of keys, nil for one that is not there.
func (c *Cache) Read(ctx context.Context, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := c.do(ctx, func(ctx context.Context, client rueidis.Client) error {
		commands := make(rueidis.Commands, len(keys))
		for i, key := range keys {
			commands[i] = client.B().Get().Key(key).Build()
		}
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
		return errors.Join(problems...)
	})
	return values, err
}

// Write puts entries in their order, those of one node at least.
func (c *Cache) Write(ctx context.Context, entries ...Entry) error {
	return c.do(ctx, func(ctx context.Context, client rueidis.Client) error {
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
	})
}

// Add puts entries one after the other, up to the first whose key is there
// already.
func (c *Cache) Add(ctx context.Context, entries ...Entry) error {
	return c.do(ctx, func(ctx context.Context, client rueidis.Client) error {
		for _, e := range entries {
			set := client.B().Set().Key(e.Key).Value(rueidis.BinaryString(e.Value)).Nx().ExSeconds(seconds(e.TTL)).Build()
			err := client.Do(ctx, set).Error()
			switch {
			case rueidis.IsRedisNil(err):
				return nil
			case err != nil:
				return fmt.Errorf("adding %s: %w", e.Key, err)
			}
		}
		return nil
	})
}

// seconds rounds up: EX takes no 0.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// do makes one call, within its time, and tells health how it went. A caller whose
// own context has ended says nothing of Redis.
func (c *Cache) do(ctx context.Context, call func(ctx context.Context, client rueidis.Client) error) error {
	client, err := c.connector.Client(ctx)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		err = call(limited, client)
	}
	if err == nil || ctx.Err() == nil {
		c.watch.saw(err)
	}
	return err
}
