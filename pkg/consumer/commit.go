package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
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
	request := &kafka.OffsetCommitRequest{
		GroupID:      c.group,
		GenerationID: c.generation,
		MemberID:     c.member,
		Topics:       map[string][]kafka.OffsetCommit{},
	}
	for partition, offset := range offsets {
		request.Topics[c.topic] = append(request.Topics[c.topic], kafka.OffsetCommit{Partition: partition, Offset: offset})
	}
	for {
		err := c.try(ctx, request)
		if err == nil {
			c.trouble.over()
			c.metrics.commits.Add(ctx, 1, c.metrics.of(c.topic, ""))
			return nil
		}
		c.metrics.commitsFailed.Add(ctx, 1, c.metrics.of(c.topic, ""))
		if errors.Is(err, errFenced) || errors.Is(err, errUnanswered) {
			return err
		}
		if !c.trouble.wait(ctx, "commit", err) {
			return errGivenUp
		}
	}
}

func (c *committer) try(ctx context.Context, request *kafka.OffsetCommitRequest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	response, err := c.client.OffsetCommit(ctx, request)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnanswered, err)
	}
	answers := map[int]error{}
	for _, answer := range response.Topics[c.topic] {
		answers[answer.Partition] = answer.Error
	}
	var refused error
	for _, asked := range request.Topics[c.topic] {
		answer, ok := answers[asked.Partition]
		switch {
		case !ok:
			return fmt.Errorf("%w for partition %d", errUnanswered, asked.Partition)
		case fences(answer):
			return fmt.Errorf("%w: %w", errFenced, answer)
		case answer != nil:
			refused = fmt.Errorf("committing partition %d: %w", asked.Partition, answer)
		}
	}
	return refused
}

// fences says whether a refusal means that the member has been replaced.
func fences(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) ||
		errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress) ||
		errors.Is(err, kafka.FencedInstanceID)
}
