package consumer

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/consumer/protocol"
	"github.com/nova-data/nova/pkg/failpoint"
)

// planned carries out the protocol's steps. It is a worker.
type planned struct {
	*storing

	replayer *replayer
	// committed looks up what the group has of all partitions of a batch.
	committed func(ctx context.Context, b protocol.Batch) (map[int]protocol.Committed, error)
	protocol  protocol.Lane
	// now is in hand, next is given to the protocol and not planned yet.
	now, next *prepared
	// owed says that letters are due after the insert: a fault test's doing.
	owed bool
}

// work implements worker.
func (w *planned) work(life lifetime, stop context.CancelFunc) error {
	defer w.trouble.forget()
	go w.prepareAll(life)
	defer w.forgetRest()
	defer stop()
	defer func() { w.forget(w.now); w.forget(w.next) }()
	for {
		if life.isOver() {
			w.protocol.Drain()
		}
		step := w.protocol.Next()
		switch step.Action {
		case protocol.Read:
			w.replay(life, step.Plan)
		case protocol.Await:
			w.await(life)
		case protocol.Bury:
			w.buryStep(life)
		case protocol.Store:
			w.storeStep(life, step)
		case protocol.Commit:
			if !w.commitStep(life, step.Offsets) {
				return nil
			}
		case protocol.End:
			return nil
		case protocol.Rejoin:
			return errFenced
		case protocol.Leave:
			return errUnanswered
		case protocol.Halt:
			return w.halt(life, step.Err)
		}
	}
}

// await gives the protocol the next batch, or tells it that there is none.
func (w *planned) await(life lifetime) {
	if life.fetching.Err() != nil { // also when a batch is ready
		w.protocol.Drain()
		return
	}
	select {
	case p, ok := <-w.ready:
		if ok {
			w.closed(p)
			return
		}
	case <-life.fetching.Done():
	}
	w.protocol.Drain()
}

func (w *planned) closed(p *prepared) {
	w.next = p
	w.protocol.Closed(p.named, time.Now().UnixMilli())
}

// replay reads a plan that was found.
func (w *planned) replay(life lifetime, plan protocol.Plan) {
	w.log.Info("replaying a plan", "plan", plan.Batch.Text(), "planned_at", time.UnixMilli(plan.AtMS))
	w.metrics.replays.Add(life.working, 1, w.metrics.of(w.topic, ""))
	if !w.verify(life, plan.Batch) {
		return
	}
	b, fail := w.replayer.read(life.fetching, plan.Batch, w.trouble)
	switch {
	case fail != nil && fail.isAnew:
		w.protocol.Anew(fail.detail)
		return
	case fail != nil:
		w.protocol.Unreadable(fail.detail)
		return
	case b == nil:
		w.protocol.Drain()
		return
	}
	p, ok := w.prepare(life, b, w.trouble, w.watch)
	if !ok {
		w.protocol.Drain()
		return
	}
	w.now = p
	w.protocol.Read(p.rejects())
}

// verify tells the protocol what is committed of all partitions of a plan. It
// returns false when the plan is not to be carried out now.
func (w *planned) verify(life lifetime, plan protocol.Batch) bool {
	for {
		committed, err := w.committed(life.fetching, plan)
		if err == nil {
			w.trouble.over()
			w.protocol.Verify(committed)
			return w.protocol.Next().Action == protocol.Read
		}
		if !w.trouble.wait(life.fetching, "replay", err) {
			w.protocol.Drain()
			return false
		}
	}
}

// buryStep writes letters. A fault test may put that off.
func (w *planned) buryStep(life lifetime) {
	switch {
	case w.failpoints.IsOff(failpoint.LettersFirst):
		w.owed = true
		w.protocol.Buried()
	case w.bury(life, w.now):
		w.protocol.Buried()
	default:
		w.protocol.Drain()
	}
}

func (w *planned) storeStep(life lifetime, step protocol.Step) {
	isRejecting, isStored := w.store(life, w.now, Plan{
		Text: step.Plan.Batch.Text(), At: time.UnixMilli(step.Plan.AtMS), IsReplay: step.IsReplay,
	})
	switch {
	case isRejecting:
		w.protocol.Rejected()
	case !isStored || w.owed && !w.bury(life, w.now):
		w.protocol.Drain()
	default:
		w.owed = false
		w.protocol.Stored()
		w.lookAhead(life)
	}
}

// lookAhead gives the protocol a batch that is ready, so that one request
// finishes the batch in hand and plans that one.
func (w *planned) lookAhead(life lifetime) {
	if life.fetching.Err() != nil {
		w.protocol.Drain()
		return
	}
	if w.next != nil {
		return
	}
	select {
	case p, ok := <-w.ready:
		if ok {
			w.closed(p)
		}
	default:
	}
}

// commitStep makes one request and tells the protocol what came of it. It returns
// false when the request is given up: it was refused, and there is no more time.
func (w *planned) commitStep(life lifetime, offsets []protocol.Offset) bool {
	answers, err := w.commits.send(life.working, offsets)
	if err != nil {
		w.protocol.Unanswered()
		return true
	}
	w.protocol.Answered(codes(answers), w.next.rejects())
	refused := refusal(answers)
	if refused != nil {
		// The protocol knows what to do; if that is the same again, not at once.
		return w.protocol.Next().Action != protocol.Commit || w.trouble.wait(life.working, "commit", refused)
	}
	w.trouble.over()
	w.taken(life.working, offsets)
	return true
}

// taken takes note of a request that was taken whole.
func (w *planned) taken(ctx context.Context, offsets []protocol.Offset) {
	finished, plans := map[int]int64{}, false
	for _, o := range offsets {
		finished[o.Partition] = o.Offset // of a planned batch, the end of the one before
		plans = plans || o.Metadata != ""
	}
	if w.now != nil {
		w.finish(ctx, w.now, finished)
		w.now = nil
	}
	if plans {
		w.now, w.next = w.next, nil
		w.failpoints.Hit(failpoint.AfterPlan)
	}
}

// halt shows why nothing goes on here, and how to get out of it, until the
// assignment ends.
func (w *planned) halt(life lifetime, reason *protocol.HaltError) error {
	w.trouble.note(life.working, string(reason.Reason), fmt.Errorf("halted: %w; %s", reason, w.wayOut(reason)))
	w.log.Error("halted", "topic", w.topic, "reason", reason.Reason, "error", reason, "way_out", w.wayOut(reason))
	<-life.fetching.Done()
	return nil
}

// wayOut is what an operator can do. Committing an offset by hand clears the plan
// beside it.
func (w *planned) wayOut(reason *protocol.HaltError) string {
	if reason.Reason == protocol.PlanUnreadable {
		return "set ON_DATA_LOSS=skip to store what is left of the plan"
	}
	partitions := make([]string, 0, len(reason.Partitions))
	for _, partition := range reason.Partitions {
		partitions = append(partitions, strconv.Itoa(partition))
	}
	to := "--to-current"
	if reason.IsAnew {
		to = "--to-earliest"
	}
	return fmt.Sprintf("stop the members of %s and run: kafka-consumer-groups.sh --bootstrap-server %s --group %s --topic %s:%s --reset-offsets %s --execute",
		w.commits.group, w.commits.client.Addr, w.commits.group, w.topic, strings.Join(partitions, ","), to)
}
