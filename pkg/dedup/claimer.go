package dedup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/redis"
)

// pipelineSize is how many claims go in one pipeline: more gains nothing.
const pipelineSize = 1000

// Claim is one record's wish to be the one that is stored of its event.
type Claim struct {
	// EventID and TimeMS, in milliseconds since 1970, identify the event.
	EventID uuid.UUID
	TimeMS  int64
	// Topic, Partition and Offset are where the record lies.
	Topic     string
	Partition int
	Offset    int64
	// PayloadHash is a hash of what the record says.
	PayloadHash uint64
}

// Deps is what a Claimer is given by its owner.
type Deps struct {
	Log   *slog.Logger
	Meter metric.Meter
}

// Claimer claims events in Redis.
type Claimer struct {
	ttl       time.Duration
	timeout   time.Duration
	connector *redis.Connector
	conflicts *conflictLog
	metrics   *metrics
}

// Open prepares a Claimer without connecting. Its errors are those of certificate
// files and of the meter.
func Open(shared redis.Config, cfg Config, deps Deps) (*Claimer, error) {
	connector, err := cfg.connector(shared)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	return &Claimer{
		ttl:       cfg.TTL,
		timeout:   cfg.Timeout,
		connector: connector,
		conflicts: &conflictLog{log: deps.Log},
		metrics:   metrics,
	}, nil
}

// Close closes the connections. A later Claim connects again.
func (c *Claimer) Close() { c.connector.Close() }

// Claim returns for each claim whether its record is the one to store. After an
// error nothing is decided, though a part of the claims may stand: the same
// claims are to be made again. Each pipeline ends by Config.Timeout.
func (c *Claimer) Claim(ctx context.Context, claims []Claim) ([]bool, error) {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return nil, err
	}
	b := newBatch(claims)
	for heads := range slices.Chunk(b.heads, pipelineSize) {
		if err := c.pipeline(ctx, client, b, heads); err != nil {
			return nil, fmt.Errorf("claiming %d events in Redis: %w", len(claims), err)
		}
	}
	c.metrics.claimed(ctx, b)
	c.conflicts.note(b.conflicts, b.example)
	return b.kept, nil
}

// pipeline claims for heads and settles them and their twins.
func (c *Claimer) pipeline(ctx context.Context, client rueidis.Client, b *batch, heads []int) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	started := time.Now()
	commands := make(rueidis.Commands, len(heads))
	ttl := int64(c.ttl / time.Second)
	for i, words := range wordsOf(b.claims, heads) {
		// Sent twice because a reply was lost, it answers with our own value.
		commands[i] = client.B().Set().Key(words.key).Value(words.value).Nx().Get().ExSeconds(ttl).Build().ToRetryable()
	}
	for i, result := range client.DoMulti(ctx, commands...) {
		holder, err := result.ToString()
		switch {
		case err == nil:
			b.settle(heads[i], holder)
		case rueidis.IsRedisNil(err): // nobody held it before
			b.won(heads[i])
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("no answer within %v: %w", time.Since(started).Round(time.Millisecond), err)
		default:
			return err
		}
	}
	c.metrics.pipelined(ctx, time.Since(started))
	return nil
}

// words are the key and the value of one command.
type words struct{ key, value string }

// wordsOf makes the words of many commands out of one string.
func wordsOf(claims []Claim, heads []int) []words {
	var text []byte
	ends := make([]int, 0, 2*len(heads))
	for _, head := range heads {
		text = claims[head].appendKey(text)
		ends = append(ends, len(text))
		text = claims[head].appendValue(text)
		ends = append(ends, len(text))
	}
	whole, start := string(text), 0
	all := make([]words, len(heads))
	for i := range all {
		keyEnd, valueEnd := ends[2*i], ends[2*i+1]
		all[i] = words{key: whole[start:keyEnd], value: whole[keyEnd:valueEnd]}
		start = valueEnd
	}
	return all
}

// appendKey appends event_idempotency:<event id>:<time in ms>.
func (c *Claim) appendKey(dst []byte) []byte {
	dst = append(dst, "event_idempotency:"...)
	dst = append(dst, c.EventID.String()...)
	dst = append(dst, ':')
	return strconv.AppendInt(dst, c.TimeMS, 10)
}

// appendValue appends <topic>/<partition>/<offset>/<payload hash in hex>.
func (c *Claim) appendValue(dst []byte) []byte {
	dst = append(dst, c.Topic...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(c.Partition), 10)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, c.Offset, 10)
	dst = append(dst, '/')
	return strconv.AppendUint(dst, c.PayloadHash, 16)
}

func (c *Claim) key() string   { return string(c.appendKey(nil)) }
func (c *Claim) value() string { return string(c.appendValue(nil)) }

// cutHash splits a value into coordinates and hash.
func cutHash(value string) (coordinates, hash string) {
	at := strings.LastIndexByte(value, '/')
	if at < 0 {
		return value, ""
	}
	return value[:at], value[at+1:]
}
