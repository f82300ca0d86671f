package traffic

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

const (
	maxBodyEvents = 60
	rememberNear  = 256
	rememberFar   = 4096
)

// body is one request: the same bytes however often it is sent.
type body struct {
	ids   []uuid.UUID
	json  []byte
	again bool // sent once more after its 202, as a client that lost the answer does
}

// composer makes bodies out of new events and copies of old ones.
type composer struct {
	random *rand.Rand
	world  *world
	ledger *Ledger
	near   []event // the newest events
	far    []event // a sample of all events
	made   int
}

// compose makes the next body; ok is false while there is no post to act on.
func (c *composer) compose(now time.Time) (b body, ok bool, err error) {
	wanted := 1 + c.random.IntN(maxBodyEvents)
	events := make([]event, 0, wanted)
	for len(events) < wanted {
		e, ok, err := c.event(events, now)
		if !ok || err != nil {
			return body{}, false, err
		}
		events = append(events, e)
	}
	b = body{json: []byte(`{"events":[`), again: c.random.IntN(100) == 0}
	for i, e := range events {
		if i > 0 {
			b.json = append(b.json, ',')
		}
		b.json = append(b.json, e.json...)
		b.ids = append(b.ids, e.id)
	}
	b.json = append(b.json, `]}`...)
	return b, true, nil
}

// event is a copy now and then: of one in the same body, of a recent one, of
// one from anywhere in this run.
func (c *composer) event(body []event, now time.Time) (event, bool, error) {
	switch n := c.random.IntN(100); {
	case n < 1 && len(body) > 0:
		return body[c.random.IntN(len(body))], true, nil
	case n < 3 && len(c.near) > 0:
		return c.near[c.random.IntN(len(c.near))], true, nil
	case n < 4 && len(c.far) > 0:
		return c.far[c.random.IntN(len(c.far))], true, nil
	}
	user, about, ok := c.world.reader(c.random)
	if !ok {
		return event{}, false, nil
	}
	e, err := newEvent(c.random, c.ledger.issue(), user, about, now)
	if err != nil {
		return event{}, false, err
	}
	c.remember(e)
	return e, true, nil
}

func (c *composer) remember(e event) {
	if len(c.near) < rememberNear {
		c.near = append(c.near, e)
	} else {
		c.near[c.made%rememberNear] = e
	}
	c.made++
	if len(c.far) < rememberFar {
		c.far = append(c.far, e)
	} else if i := c.random.IntN(c.made); i < rememberFar {
		c.far[i] = e
	}
}
