package killtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
	lost := 0
	for range kills(t, "PLACED_KILLS", defaultPlaced) {
		orphans := p.kill()
		table, view := p.check()
		assert.Zero(t, table.doubled+view.doubled)
		require.Equal(t, lost+orphans, table.lost+view.lost)
		lost = table.lost + view.lost
	}
	t.Logf("%s, %d batches lost", p, lost)
}

// placed kills a server under load at chosen renames.
type placed struct {
	*workload
	flag     string
	trace    string
	attempts int
	inTable  int // kills that hit the table's own rename
	inView   int
}

func newPlaced(t *testing.T, flag string) *placed {
	t.Helper()
	_, err := exec.LookPath("strace")
	require.NoError(t, err, "`make deps` installs strace")
	return &placed{workload: newWorkload(t, chtest.Start(t)), flag: flag, trace: filepath.Join(t.TempDir(), "trace")}
}

func (p *placed) String() string {
	return fmt.Sprintf("%d batches stored; kills placed: %d in the table, %d in the view, of %d attempts",
		p.stored, p.inTable, p.inView, p.attempts)
}

// kill ends the server at the rename of an insert's part, tries again if it hit
// something else, starts it again, sends again what was not acknowledged, and
// returns the number of tokens that were left without a part.
func (p *placed) kill() (orphans int) {
	p.t.Helper()
	for limit := p.attempts + 10; p.attempts < limit; {
		p.attempts++
		p.server.Restart(chtest.WithFlags(p.flag), chtest.WithWrapper(p.strace(1+p.attempts%5)...))
		pending := p.run()
		<-p.server.Exited()
		inTable, inView := p.orphans()
		p.server.Restart(chtest.WithFlags(p.flag))
		p.replay(pending)
		p.inTable += inTable
		p.inView += inView
		if inTable+inView > 0 {
			return inTable + inView
		}
	}
	require.Fail(p.t, "no kill hit a rename after its token's write")
	return 0
}

// strace returns the command line that kills its program as one of its threads
// enters its nth rename: a thread that stores a batch renames the parts of the table,
// then those of the view.
func (p *placed) strace(nth int) []string {
	return []string{"strace", "-f", "-o", p.trace, "-e", "signal=none", "-e", "trace=rename",
		"-e", fmt.Sprintf("inject=rename:signal=KILL:when=%d", nth)}
}

// insertRename is the rename of an insert's part in a trace: from and to.
var insertRename = regexp.MustCompile(`rename\("([^"]*/tmp_insert_[^"]*)/", "([^"]*)/"`)

// orphans counts the renames in the trace that were not carried out although their
// token had been written, for the table and for the view.
func (p *placed) orphans() (inTable, inView int) {
	p.t.Helper()
	trace, err := os.Open(p.trace)
	require.NoError(p.t, err)
	defer trace.Close()
	seen := map[string]bool{}
	for lines := bufio.NewScanner(trace); lines.Scan(); {
		rename := insertRename.FindStringSubmatch(lines.Text())
		if rename == nil || seen[rename[2]] || !p.isOrphan(rename[1], rename[2]) {
			continue
		}
		seen[rename[2]] = true
		if strings.HasPrefix(filepath.Base(rename[2]), "all_") {
			inView++
		} else {
			inTable++
		}
	}
	return inTable, inView
}

// isOrphan reports whether from was not renamed to the part to, and the part's token
// is in the table's logs.
func (p *placed) isOrphan(from, to string) bool {
	p.t.Helper()
	if _, err := os.Stat(to); err == nil {
		return false
	}
	if _, err := os.Stat(from); err != nil {
		return false
	}
	logs, err := filepath.Glob(filepath.Join(filepath.Dir(to), "deduplication_logs", "*.txt"))
	require.NoError(p.t, err)
	for _, log := range logs {
		content, err := os.ReadFile(log)
		require.NoError(p.t, err)
		if strings.Contains(string(content), "1\t"+filepath.Base(to)+"\t") {
			return true
		}
	}
	return false
}
