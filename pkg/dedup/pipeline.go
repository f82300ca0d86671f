package dedup

import (
	"context"
	"crypto/sha1" //nolint:gosec // names a script, guards nothing
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/nova-data/nova/pkg/failpoint"
)

const (
	// pipelineSize is how many claims go in one pipeline: more gains nothing.
	pipelineSize = 1000
	// maxPipelines is how many pipelines of one call are on their way at once.
	maxPipelines = 4
)

// takeover claims for a redriven record. KEYS[1] is the event's key; ARGV are the
// record's value, the TTL in seconds, and the coordinates of the dead records that
// it takes the event over from. It returns the holder, or nothing if the record has become it.
const takeover = `local held = redis.call('GET', KEYS[1])
local at, takes = held and (string.match(held, '^(.*)/') or held), not held
for i = 3, #ARGV do takes = takes or at == ARGV[i] end
if not takes then return held end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return false`

// takeoverName is what EVALSHA calls the script.
func takeoverName() string {
	sum := sha1.Sum([]byte(takeover)) //nolint:gosec // names a script, guards nothing
	return hex.EncodeToString(sum[:])
}

// call is one Claim under way, in several pipelines at once.
type call struct {
	*Claimer
	client rueidis.Client

	mu    sync.Mutex
	batch *Batch
}

// run claims for heads. After an error a part of them is settled.
func (c *call) run(ctx context.Context, heads []int) error {
	pipelines := (len(heads) + c.pipelineSize - 1) / c.pipelineSize
	errs := make([]error, min(pipelines, c.maxPipelines))
	var next atomic.Int64
	work := func(worker int) {
		for errs[worker] == nil {
			first := int(next.Add(1)-1) * c.pipelineSize
			if first >= len(heads) {
				return
			}
			errs[worker] = c.pipeline(ctx, heads[first:min(first+c.pipelineSize, len(heads))])
		}
	}
	var workers sync.WaitGroup
	for worker := 1; worker < len(errs); worker++ {
		workers.Go(func() { work(worker) })
	}
	work(0)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// pipeline claims for heads and settles them and their twins.
func (c *call) pipeline(ctx context.Context, heads []int) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	started := time.Now()
	commands := make(rueidis.Commands, len(heads))
	words := c.words(heads)
	for i, head := range heads {
		commands[i] = c.command(head, words[i], false)
	}
	results := c.client.DoMulti(ctx, commands...)
	c.resend(ctx, heads, words, results)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, result := range results {
		holder, err := result.ToString()
		switch {
		case err == nil:
			c.batch.Settle(heads[i], holder)
		case rueidis.IsRedisNil(err): // nobody holds it but the head
			c.batch.Won(heads[i])
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("no answer within %v: %w", time.Since(started).Round(time.Millisecond), err)
		default:
			return err
		}
	}
	c.metrics.pipelined(ctx, time.Since(started))
	return nil
}

// resend sends the script itself for what a node that has not seen it yet, or has
// restarted since, has answered so.
func (c *call) resend(ctx context.Context, heads []int, words []words, results []rueidis.RedisResult) {
	var missed []int
	var commands rueidis.Commands
	for i, head := range heads {
		if len(c.batch.origins[head]) == 0 {
			continue
		}
		if refusal, isRefusal := rueidis.IsRedisErr(results[i].Error()); isRefusal && refusal.IsNoScript() {
			missed = append(missed, i)
			commands = append(commands, c.command(head, words[i], true))
		}
	}
	if len(missed) == 0 {
		return
	}
	for at, result := range c.client.DoMulti(ctx, commands...) {
		results[missed[at]] = result
	}
}

// command claims for head. Sent twice because a reply was lost, it answers with
// our own value, so it may be repeated.
func (c *call) command(head int, w words, inFull bool) rueidis.Completed {
	claim := &c.batch.claims[head]
	ttl := c.secondsOf(claim)
	origins := c.batch.origins[head]
	if len(origins) == 0 {
		return c.client.B().Set().Key(w.key).Value(w.value).Nx().Get().ExSeconds(ttl).Build().ToRetryable()
	}
	arguments := append([]string{w.value, strconv.FormatInt(ttl, 10)}, origins...)
	if inFull {
		return c.client.B().Eval().Script(takeover).Numkeys(1).Key(w.key).Arg(arguments...).Build().ToRetryable()
	}
	return c.client.B().Evalsha().Sha1(c.takeover).Numkeys(1).Key(w.key).Arg(arguments...).Build().ToRetryable()
}

// secondsOf is how long a claim stands.
func (c *call) secondsOf(claim *Claim) int64 {
	ttl := c.ttl
	if claim.TTL > 0 {
		ttl = claim.TTL
	}
	return int64((ttl + time.Second - 1) / time.Second)
}

// words are the key and the value of one command.
type words struct{ key, value string }

// words makes the words of many commands out of one string.
func (c *call) words(heads []int) []words {
	const perClaim = 120 // bytes, about
	var text strings.Builder
	text.Grow(perClaim * len(heads))
	ends := make([]int, 0, 2*len(heads))
	var word []byte
	namesHolder := !c.failpoints.IsOff(failpoint.ClaimCoordinates)
	for _, head := range heads {
		claim := &c.batch.claims[head]
		word = claim.appendKey(word[:0])
		text.Write(word)
		ends = append(ends, text.Len())
		if word = append(word[:0], '1'); namesHolder {
			word = claim.appendValue(word[:0])
		}
		text.Write(word)
		ends = append(ends, text.Len())
	}
	whole, start := text.String(), 0
	all := make([]words, len(heads))
	for i := range all {
		keyEnd, valueEnd := ends[2*i], ends[2*i+1]
		all[i] = words{key: whole[start:keyEnd], value: whole[keyEnd:valueEnd]}
		start = valueEnd
	}
	return all
}
