package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

// commitTimeout bounds one commit request. It does not end with the generation:
// a request given up early is one more that may land later.
const commitTimeout = 10 * time.Second

var (
	// errFenced says that the generation is over for this member: all it holds
	// is to be forgotten.
	errFenced = errors.New("the commit was refused: the generation is over")
	// errUnanswered says that a commit may or may not have happened and may yet
	// happen: the member has to be replaced by a new one.
	errUnanswered = errors.New("the commit was not answered")
	// errGivenUp says that a commit was refused until there was no time left.
	errGivenUp = errors.New("the commit was given up")
)

// committer commits offsets as one member in one generation.
type committer struct {
	client     *kafka.Client
	group      string
	member     string
	generation int
	topic      string
	metrics    *metrics
	trouble    *trouble
}

// commit commits the offsets of a topic's partitions. A broker that answers with
// an error that may pass gets the same request again until ctx ends. It returns
// errFenced, errUnanswered or errGivenUp.
func (c *committer) commit(ctx context.Context, offsets map[int]int64) error {
	defer c.trouble.forget()
	request := make([]protocol.Offset, 0, len(offsets))
	for partition, offset := range offsets {
		request = append(request, protocol.Offset{Partition: partition, Offset: offset})
	}
	for {
		answers, err := c.send(ctx, request)
		if err == nil {
			err = refusal(answers)
		}
		if err == nil {
			c.trouble.over()
			return nil
		}
		if errors.Is(err, errFenced) || errors.Is(err, errUnanswered) {
			return err
		}
		if !c.trouble.wait(ctx, "commit", err) {
			return errGivenUp
		}
	}
}

// refusal returns the error of a request that was not taken whole; nil if it was.
func refusal(answers map[int]error) error {
	var refused error
	for partition, answer := range answers {
		switch {
		case fences(answer):
			return fmt.Errorf("%w: %w", errFenced, answer)
		case answer != nil:
			refused = fmt.Errorf("committing partition %d: %w", partition, answer)
		}
	}
	return refused
}

// send makes one request and returns the answer for each partition, or
// errUnanswered. It takes its own time and does not end with ctx.
func (c *committer) send(ctx context.Context, offsets []protocol.Offset) (map[int]error, error) {
	answers, err := c.exchange(ctx, offsets)
	if err != nil || refusal(answers) != nil {
		c.metrics.commitsFailed.Add(ctx, 1, c.metrics.of(c.topic, ""))
	} else {
		c.metrics.commits.Add(ctx, 1, c.metrics.of(c.topic, ""))
	}
	return answers, err
}

func (c *committer) exchange(ctx context.Context, offsets []protocol.Offset) (map[int]error, error) {
	request := &kafka.OffsetCommitRequest{GroupID: c.group, GenerationID: c.generation, MemberID: c.member, Topics: map[string][]kafka.OffsetCommit{}}
	for _, o := range offsets {
		request.Topics[c.topic] = append(request.Topics[c.topic], kafka.OffsetCommit{Partition: o.Partition, Offset: o.Offset, Metadata: o.Metadata})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	response, err := c.client.OffsetCommit(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	answers := map[int]error{}
	for _, answer := range response.Topics[c.topic] {
		answers[answer.Partition] = answer.Error
	}
	for _, o := range offsets {
		if _, isAnswered := answers[o.Partition]; !isAnswered {
			return nil, fmt.Errorf("%w for partition %d", errUnanswered, o.Partition)
		}
	}
	return answers, nil
}

// fences says whether a refusal means that the member has been replaced.
func fences(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) ||
		errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress) ||
		errors.Is(err, kafka.FencedInstanceID)
}

// codes is the answers as the protocol sees them. An error that is none of
// Kafka's, which none should be, refuses.
func codes(answers map[int]error) map[int]protocol.Code {
	all := map[int]protocol.Code{}
	for partition, answer := range answers {
		var code kafka.Error
		if answer != nil && !errors.As(answer, &code) {
			code = kafka.Unknown
		}
		all[partition] = protocol.Code(code)
	}
	return all
}
