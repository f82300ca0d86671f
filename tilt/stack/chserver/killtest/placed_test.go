package killtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

const defaultPlaced = 3

// A kill between the write of a token and the rename of its part loses nothing and
// doubles nothing: the batch is sent again and is in the table and in the view once.
func TestPlacedKill(t *testing.T) {
	p := newPlaced(t, "--repair=true")
	for range kills(t, "PLACED_KILLS", defaultPlaced) {
		p.kill()
		table, view := p.check()
		require.Equal(t, harm{}, table, "in the table")
		require.Equal(t, harm{}, view, "in the view")
	}
	t.Log(p)
}

// Without the repair each of these kills loses a batch, in the table or in the view:
// the one whose token was known when it was sent again.
func TestPlacedKillWithoutRepair(t *testing.T) {
	p := newPlaced(t, "--repair=false")
	for range kills(t, "PLACED_KILLS", defaultPlaced) {
		p.kill()
		table, view := p.check()
		require.Equal(t, harm{lost: p.orphansInTable}, table, "in the table")
		require.Equal(t, harm{lost: p.orphansInView}, view, "in the view")
	}
	t.Log(p)
}

// placed kills a server under load at chosen renames.
type placed struct {
	*workload
	flag     string
	trace    string
	attempts int
	hits     int

	// Tokens that the kills have left without a part; one more than a kill placed
	// when it also caught another writer between token and rename.
	orphansInTable, orphansInView int
}

func newPlaced(t *testing.T, flag string) *placed {
	t.Helper()
	_, err := exec.LookPath("strace")
	require.NoError(t, err, "`make deps` installs strace")
	return &placed{workload: newWorkload(t, chtest.Start(t)), flag: flag, trace: filepath.Join(t.TempDir(), "trace")}
}

func (p *placed) String() string {
	return fmt.Sprintf("%d batches stored; %d kills placed in %d attempts left %d tokens without a part in the table, %d in the view",
		p.stored, p.hits, p.attempts, p.orphansInTable, p.orphansInView)
}

// kill ends the server at the rename of an insert's part, starts it again, and sends
// again what was not acknowledged. A kill that hit something else does not count, and
// is followed by another.
func (p *placed) kill() {
	p.t.Helper()
	for limit := p.attempts + 10; p.attempts < limit; {
		p.attempts++
		p.server.Restart(chtest.WithFlags(p.flag), chtest.WithWrapper(p.strace(1+p.attempts%5)...))
		pending := p.run()
		<-p.server.Exited()
		hit := p.inspect()
		p.server.Restart(chtest.WithFlags(p.flag))
		p.replay(pending)
		if hit {
			p.hits++
			return
		}
	}
	require.Fail(p.t, "no kill hit a rename after its token's write")
}

// strace returns the command line that kills its program as one of its threads
// enters its nth rename: a thread that stores a batch renames the parts of the table,
// then those of the view.
func (p *placed) strace(nth int) []string {
	return []string{
		"strace", "-f", "-o", p.trace, "-e", "signal=none", "-e", "trace=rename",
		"-e", fmt.Sprintf("inject=rename:signal=KILL:when=%d", nth),
	}
}

// insertRename is the rename of an insert's part in a trace.
var insertRename = regexp.MustCompile(`rename\("[^"]*/tmp_insert_[^"]*/", "([^"]*)/"`)

// inspect counts the tokens that the kill has left without a part, and reports whether
// the part of one was in a rename: then the kill is where it was to be.
func (p *placed) inspect() (hit bool) {
	p.t.Helper()
	trace, err := os.ReadFile(p.trace)
	require.NoError(p.t, err)
	renamed := map[string]bool{}
	for _, rename := range insertRename.FindAllSubmatch(trace, -1) {
		renamed[string(rename[1])] = true
	}
	for _, part := range p.orphans() {
		hit = hit || renamed[part]
		if strings.HasPrefix(filepath.Base(part), "all_") {
			p.orphansInView++
		} else {
			p.orphansInTable++
		}
	}
	return hit
}
