package killtest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

const (
	defaultRandom = 10
	killsPerTable = 25 // then it starts anew, so that parts do not pile up
	mostBatches   = 3 * writers
	longestDelay  = 20 * time.Millisecond
)

// A kill at any moment loses nothing and doubles nothing.
func TestRandomKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for first, total := 0, kills(t, "RANDOM_KILLS", defaultRandom); first < total; first += killsPerTable {
		last := min(first+killsPerTable, total)
		t.Run(fmt.Sprintf("%d-%d", first+1, last), func(t *testing.T) {
			w := newWorkload(t, chtest.Start(t))
			orphans := 0
			for range last - first {
				orphans += w.killAfter(1+random.IntN(mostBatches), time.Duration(random.Int64N(int64(longestDelay))))
				table, view := w.check()
				require.Equal(t, harm{}, table, "in the table")
				require.Equal(t, harm{}, view, "in the view")
			}
			t.Logf("%d batches stored, %d tokens left without a part", w.stored, orphans)
		})
	}
}

// killAfter kills the server some time after a number of batches was acknowledged,
// starts it again and sends again what was not. It returns the number of tokens that
// the kill has left without a part.
func (w *workload) killAfter(batches int, delay time.Duration) (orphans int) {
	w.t.Helper()
	reached, exited, killed := w.after(batches), w.server.Exited(), make(chan struct{})
	go func() {
		defer close(killed)
		select {
		case <-reached:
			<-time.After(delay)
			w.server.Kill()
		case <-exited: // no kill of ours, yet nothing may be lost
		}
	}()
	pending := w.run()
	<-killed
	orphans = len(w.orphans())
	w.server.Restart()
	w.replay(pending)
	return orphans
}
