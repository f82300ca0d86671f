package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// absentInterval is how soon a coordinator that did not answer is told again of a
	// member that is gone.
	absentInterval = 200 * time.Millisecond
	// absentReminder is how soon one that did is told again: until the next generation
	// it may load the group once more, with all the members of the last.
	absentReminder = time.Second
)

// absent is what this process was in the group before it had to join anew. When
// it could not say goodbye, because the coordinator was away, that one would wait
// for it at the next rebalance for a whole session, and everybody else with it.
type absent struct {
	client *kafka.Client
	group  string

	cancel context.CancelFunc
	done   chan struct{}
}

// leave takes a member out of the group, in the background, until stay is called. The
// member must never be used again.
func (a *absent) leave(ctx context.Context, member string) {
	a.stay()
	ctx, a.cancel = context.WithCancel(ctx)
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		for ctx.Err() == nil {
			pause := absentInterval
			if a.hasLeft(ctx, member) {
				pause = absentReminder
			}
			sleep(ctx, pause)
		}
	}()
}

// stay ends that: there is nobody to take out, or a generation without it has formed.
func (a *absent) stay() {
	if a.cancel != nil {
		a.cancel()
		<-a.done
		a.cancel = nil
	}
}

func (a *absent) hasLeft(ctx context.Context, member string) bool {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	response, err := a.client.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
		GroupID: a.group, Members: []kafka.LeaveGroupRequestMember{{ID: member}},
	})
	if err != nil {
		return false
	}
	problems := []error{response.Error}
	for _, answer := range response.Members {
		problems = append(problems, answer.Error)
	}
	err = errors.Join(problems...)
	return err == nil || errors.Is(err, kafka.UnknownMemberId)
}
