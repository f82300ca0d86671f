package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

const (
	stepEvery   = 200 * time.Millisecond
	postTimeout = 3 * time.Second
	retryAfter  = 50 * time.Millisecond
)

// sender sends steps: records straight to Kafka, posts to the replicas in turn.
type sender struct {
	kafka *kafkaio.Client
	api   []*clustertest.Instance
	turn  int
}

// start sends the steps at their times. The channel gets the error, or nil.
func (s *sender) start(ctx context.Context, steps []workload.Step) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, sendWithin)
		defer cancel()
		began := time.Now()
		for i, step := range steps {
			<-time.After(time.Until(began.Add(time.Duration(i) * stepEvery)))
			if err := s.send(ctx, step); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return done
}

func (s *sender) send(ctx context.Context, step workload.Step) error {
	if err := s.kafka.Append(ctx, step.Records); err != nil {
		return err
	}
	for _, body := range step.Posts {
		if err := s.post(ctx, body); err != nil {
			return err
		}
	}
	return nil
}

// post repeats the identical body until a replica accepts it.
func (s *sender) post(ctx context.Context, body []byte) error {
	for {
		s.turn++
		attempt, cancel := context.WithTimeout(ctx, postTimeout)
		status, answer := s.api[s.turn%len(s.api)].Call(attempt, http.MethodPost, "/v1/events", body)
		cancel()
		switch {
		case status == http.StatusAccepted:
			return nil
		case status != 0 && status < http.StatusInternalServerError:
			return fmt.Errorf("the API refuses events: status %d: %s", status, answer)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("posting events: %w: status %d: %s", ctx.Err(), status, answer)
		case <-time.After(retryAfter):
		}
	}
}
