package consumer

import (
	"context"
	"errors"
)

// handling is the worker of a Handler: batches are handled one by one, and their
// offsets committed after.
type handling struct {
	*lane

	handler Handler
	commit  func(ctx context.Context, offsets map[int]int64) error
	trouble *trouble
	watch   *watch
	// catchUp is nil unless the handler is an Assignee, second unless it is a
	// Finisher.
	catchUp *catchUp
	second  *secondHalf
}

// work implements worker. An error of a Finisher's second half stops the fetching.
func (h *handling) work(life lifetime, stop context.CancelFunc) error {
	defer h.trouble.forget()
	if h.second == nil {
		return h.handleAll(life)
	}
	finished := make(chan error, 1)
	go func() {
		err := h.second.run(life)
		stop()
		finished <- err
	}()
	err := h.handleAll(life)
	h.second.close()
	return errors.Join(err, <-finished)
}

// handleAll handles batches until there are no more, they are revoked, or a
// commit fails for good.
func (h *handling) handleAll(life lifetime) error {
	for b := range h.batches {
		isDone, err := h.one(life, b)
		h.recycle(b)
		if err != nil || !isDone {
			return err
		}
	}
	return nil
}

// one handles a batch and commits it, or leaves that to the second half. It
// returns false when the batch is given up.
func (h *handling) one(life lifetime, b *batch) (bool, error) {
	if life.isOver() || h.second != nil && !h.second.await(life) || !h.handle(life, b) {
		return false, nil
	}
	h.worked(life.working, b)
	if h.second != nil {
		h.second.add(b)
		return true, nil
	}
	return true, h.settle(life.working, b.next, len(b.records))
}

// handle repeats a batch until the Handler has taken it. It gives up, returning
// false, when fetching is over and the attempt in hand fails.
func (h *handling) handle(life lifetime, b *batch) bool {
	if len(b.records) == 0 {
		return true
	}
	for {
		err := h.watch.protect("Handle", func() error { return h.handler.Handle(life.working, b.records) })
		if err == nil {
			h.trouble.over()
			return true
		}
		if !h.trouble.wait(life.fetching, "handler", err) {
			return false
		}
	}
}

// settle commits offsets that so many records led to, and takes note of it. What
// is given up is left to the next owner.
func (h *handling) settle(ctx context.Context, next map[int]int64, rows int) error {
	switch err := h.commit(ctx, next); {
	case errors.Is(err, errGivenUp):
		return nil
	case err != nil:
		return err
	}
	h.settled(ctx, next, rows)
	for partition, offset := range next {
		h.catchUp.handled(h.topic, partition, offset)
	}
	return nil
}
