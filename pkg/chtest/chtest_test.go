package chtest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server starts empty, with database nova, and answers on both addresses.
func TestStart(t *testing.T) {
	s := chtest.Start(t)
	assert.Equal(t, "nova", s.Query("SELECT currentDatabase()"))
	assert.Empty(t, s.Query("SHOW TABLES"))
	connection, err := net.Dial("tcp", s.Addr)
	require.NoError(t, err)
	require.NoError(t, connection.Close())
}

// What was acknowledged is there after a crash and after a stop, on the addresses of
// before.
func TestRestart(t *testing.T) {
	s := chtest.Start(t)
	addr, http := s.Addr, s.HTTP
	s.Exec("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
	s.Exec("INSERT INTO t VALUES (1)")
	s.Kill()
	_, err := s.Do(t.Context(), "SELECT 1", nil)
	require.Error(t, err)
	s.Restart()
	s.Exec("INSERT INTO t VALUES (2)")
	s.Restart()
	assert.Equal(t, "2", s.Query("SELECT count() FROM t"))
	s.Stop()
	<-s.Exited()
	s.Stop()
	s.Restart(chtest.WithFlags("--repair=false"))
	assert.Equal(t, "2", s.Query("SELECT count() FROM t"))
	assert.Equal(t, []string{addr, http}, []string{s.Addr, s.HTTP})
}

// Settings reach the query, and an error carries ClickHouse's code.
func TestDo(t *testing.T) {
	s := chtest.Start(t)
	text, err := s.Do(t.Context(), "SELECT {a:UInt8}, getSetting('max_block_size')", url.Values{"param_a": {"3"}, "max_block_size": {"5"}})
	require.NoError(t, err)
	assert.Equal(t, "3\t5\n", text)
	_, err = s.Do(t.Context(), "SELECT * FROM missing", nil)
	var exception *chtest.Error
	require.ErrorAs(t, err, &exception)
	assert.Equal(t, "60", exception.Code)
	assert.Equal(t, 404, exception.Status)
	assert.Contains(t, exception.Error(), "UNKNOWN_TABLE")
}

// Planned faults happen in their order, and no longer once they are dropped.
func TestFault(t *testing.T) {
	s := chtest.Start(t)
	s.Exec("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
	s.Fault(chtest.Fault{Action: "exception", Code: 241}, chtest.Fault{Action: "exit", When: "after"})
	_, err := s.Do(t.Context(), "INSERT INTO t VALUES (1)", nil)
	var exception *chtest.Error
	require.ErrorAs(t, err, &exception)
	assert.Equal(t, "241", exception.Code)
	_, err = s.Do(t.Context(), "INSERT INTO t VALUES (2)", nil)
	require.Error(t, err)
	<-s.Exited()
	s.Restart()
	assert.Equal(t, "2", s.Query("SELECT a FROM t"))
	s.Fault(chtest.Fault{Action: "cut", Count: 9})
	assert.Equal(t, []chtest.Fault{{Action: "cut", When: "before", Count: 9}}, s.PendingFaults())
	s.ClearFaults()
	assert.Empty(t, s.PendingFaults())
	s.Exec("INSERT INTO t VALUES (3)")
}

// serveForever is set in the process that TestOutlive kills.
const serveForever = "CHTEST_SERVE_FOREVER"

// A test process that is killed leaves no server behind.
func TestOutlive(t *testing.T) {
	if os.Getenv(serveForever) != "" {
		s := chtest.Start(t)
		fmt.Printf("\nserving %s\n", s.Addr)
		<-s.Exited()
		return
	}
	chtest.Binary(t) // so that the other process need not build it
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.Command(self, "-test.run", "^TestOutlive$", "-test.v")
	other.Env = append(os.Environ(), serveForever+"=1", "TMPDIR="+t.TempDir())
	output, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	var address string
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "serving %s", &address); err == nil {
			break
		}
	}
	require.NotEmpty(t, address, "the other process did not start a server")
	require.NoError(t, other.Process.Kill())
	require.Error(t, other.Wait())
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	}, 20*time.Second, 20*time.Millisecond)
}
