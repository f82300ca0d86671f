package bench_test

import (
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing is a test that may fail without failing the one around it.
type failing struct {
	testing.TB

	output   strings.Builder
	cleanups []func()
}

func (f *failing) Cleanup(do func())     { f.cleanups = append(f.cleanups, do) }
func (f *failing) Output() io.Writer     { return &f.output }
func (f *failing) Errorf(string, ...any) {}
func (f *failing) FailNow()              { runtime.Goexit() }

// run returns when the test has ended.
func (*failing) run(test func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test()
	}()
	<-ended
}

// A measurement that fails does not lose the rows before it.
func TestFailureKeepsRows(t *testing.T) {
	f := &failing{TB: t}
	w := &world{}
	f.run(func() {
		w.printAtEnd(f, result{})
		w.add(row{Name: "the first", Value: 1, Unit: "ms"})
		f.FailNow()
	})
	require.Len(t, f.cleanups, 1)
	f.cleanups[0]()
	assert.Regexp(t, `(?m)^the first +1.00  ms$`, f.output.String())
}

// What can never hold fails at once, and what does not hold when its time is over.
func TestAwait(t *testing.T) {
	for name, test := range map[string]struct {
		holds func(*failing) bool
		took  time.Duration
	}{
		"never can":  {func(f *failing) bool { f.FailNow(); return false }, 0},
		"never does": {func(*failing) bool { return false }, time.Hour},
		"holds":      {func(*failing) bool { return true }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{TB: t}
				began := time.Now()
				f.run(func() { (&world{}).await(f, time.Hour, "something", func() bool { return test.holds(f) }) })
				assert.Equal(t, test.took, time.Since(began))
			})
		})
	}
}

// A command that fails says why.
func TestOutputOf(t *testing.T) {
	output, err := outputOf(exec.CommandContext(t.Context(), "sh", "-c", "echo some; echo why >&2; exit 3"))
	assert.Equal(t, "some\n", string(output))
	require.EqualError(t, err, "exit status 3: why\n")
}

// Inserts are those of the load's own time.
func TestInsertsRow(t *testing.T) {
	r := insertsRow(30, 12, loaded{Events: 75_000, Seconds: 15})
	assert.InDelta(t, 2, r.Value, 1e-9)
	assert.Equal(t, "at 5 000 events/s, 12 partitions: 2 500 rows an insert", r.Note)
}
