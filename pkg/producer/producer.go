package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = time.Second
)

// Producer publishes records.
type Producer struct {
	cfg     Config
	client  *kafka.Client
	log     *slog.Logger
	metrics *metrics

	mu     sync.Mutex
	closed bool
	queues map[target]*queue
	// awaited are the topics that publishers wait for, as the log knows.
	awaited map[string]bool
	// publishing counts the calls of Publish, sending the queues at work.
	publishing, sending sync.WaitGroup
}

// target is a partition to write to.
type target struct {
	topic     string
	partition int
}

// New returns a producer. Its errors are those of cfg and deps.
func New(cfg Config, deps Deps) (*Producer, error) {
	if err := errors.Join(cfg.Validate(), deps.validate()); err != nil {
		return nil, fmt.Errorf("checking the producer's configuration: %w", err)
	}
	m, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating the producer's instruments: %w", err)
	}
	client := *deps.Broker.Client()
	client.Timeout = cfg.RequestTimeout
	return &Producer{cfg: cfg, client: &client, log: deps.Log, metrics: m, queues: map[target]*queue{}, awaited: map[string]bool{}}, nil
}

// Publish writes records and returns when all are acknowledged by every in-sync
// replica, or ctx ends. Records must not change until it returns, nor after it
// returned because of ctx: they may still be on their way then.
//
// The error is a *PublishError that names the records not acknowledged. A record
// that is too large or has no topic fails before any is written.
func (p *Producer) Publish(ctx context.Context, records ...Record) error {
	if !p.enter() {
		return ErrClosed
	}
	defer p.publishing.Done()
	if len(records) == 0 {
		return nil
	}
	if err := p.check(records); err != nil {
		return err
	}
	targets, err := p.route(ctx, records)
	if err != nil {
		return err
	}
	c := newCall(ctx, len(records))
	for i := range records {
		p.queueOf(targets[i]).add(&entry{record: &records[i], call: c, index: i})
	}
	started := time.Now()
	failures := c.wait(records)
	p.metrics.published(ctx, records, failures, time.Since(started))
	if len(failures) > 0 {
		return &PublishError{Failures: failures, Total: len(records)}
	}
	return nil
}

// Close refuses further records and returns when those under way are
// acknowledged or given up by their publishers. Closing twice is fine.
func (p *Producer) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.publishing.Wait()
	p.sending.Wait()
	return nil
}

func (p *Producer) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.publishing.Add(1)
	return true
}

// check finds the records that can never be written.
func (p *Producer) check(records []Record) error {
	var failures []Failure
	for i := range records {
		var err error
		switch size := records[i].size(); {
		case records[i].Topic == "":
			err = errors.New("record has no topic")
		case size > p.cfg.MaxRecordBytes:
			err = fmt.Errorf("%w: %d bytes, at most %d (MAX_RECORD_BYTES)", ErrTooLarge, size, p.cfg.MaxRecordBytes)
		}
		if err != nil {
			failures = append(failures, Failure{Index: i, Topic: records[i].Topic, Err: err})
		}
	}
	if len(failures) > 0 {
		return &PublishError{Failures: failures, Total: len(records)}
	}
	return nil
}

// route picks each record's partition, waiting for topics that do not exist yet.
func (p *Producer) route(ctx context.Context, records []Record) ([]target, error) {
	balancer := kafka.Murmur2Balancer{Consistent: true}
	partitions := map[string][]int{}
	targets := make([]target, len(records))
	for i := range records {
		topic := records[i].Topic
		known, isKnown := partitions[topic]
		for attempt := 0; !isKnown; attempt++ {
			var err error
			known, err = p.partitions(ctx, topic)
			p.looked(topic, err)
			if err == nil {
				partitions[topic] = known
				break
			}
			if !retriable(err) || !pause(ctx, attempt) {
				return nil, allFailed(records, i, err)
			}
		}
		targets[i] = target{topic: topic, partition: balancer.Balance(kafka.Message{Key: records[i].Key}, known...)}
	}
	return targets, nil
}

// looked tells the log, once, of a topic that cannot be found, and when it is.
func (p *Producer) looked(topic string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch isAwaited := p.awaited[topic]; {
	case err != nil && retriable(err) && !isAwaited:
		p.awaited[topic] = true
		p.log.Warn("publishing waits for a topic", "topic", topic, "error", err)
	case err == nil && isAwaited:
		delete(p.awaited, topic)
		p.log.Info("the topic is there", "topic", topic)
	}
}

// allFailed reports that no record was written because of record i's topic.
func allFailed(records []Record, i int, err error) error {
	e := &PublishError{Total: len(records)}
	for j := range records {
		cause := errors.New("not sent because of another record")
		if records[j].Topic == records[i].Topic {
			cause = err
		}
		e.Failures = append(e.Failures, Failure{Index: j, Topic: records[j].Topic, Err: cause})
	}
	return e
}

// partitions returns the partitions of a topic from cached metadata.
func (p *Producer) partitions(ctx context.Context, topic string) ([]int, error) {
	metadata, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("looking up the topic: %w", err)
	}
	for _, t := range metadata.Topics {
		if t.Name != topic || t.Error != nil || len(t.Partitions) == 0 {
			continue
		}
		partitions := make([]int, len(t.Partitions))
		for _, found := range t.Partitions {
			if found.ID >= len(partitions) {
				return nil, fmt.Errorf("looking up the topic: %w", kafka.LeaderNotAvailable)
			}
			partitions[found.ID] = found.ID
		}
		return partitions, nil
	}
	return nil, fmt.Errorf("looking up the topic: %w", kafka.UnknownTopicOrPartition)
}

func (p *Producer) queueOf(t target) *queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[t]
	if q == nil {
		q = &queue{producer: p, target: t}
		p.queues[t] = q
	}
	return q
}

// retriable says whether an error may pass: those of the connection, and those
// that Kafka calls temporary.
func retriable(err error) bool {
	var code kafka.Error
	return !errors.As(err, &code) || code.Temporary()
}

// pause waits before another attempt and returns whether ctx lasted.
func pause(ctx context.Context, attempt int) bool {
	span := min(firstBackoff<<min(attempt, 10), lastBackoff)
	timer := time.NewTimer(span/2 + rand.N(span/2)) //nolint:gosec // spreads retries, guards nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
