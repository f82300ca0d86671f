package servicetest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/servicetest"
)

// service answers arguments with themselves; without any it runs until SIGINT.
func service(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprint(stdout, args)
		return len(args)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	fmt.Fprintln(stderr, "begun")
	<-interrupted
	fmt.Fprintln(stderr, "ended")
	return 0
}

func TestMain(m *testing.M) { servicetest.Main(m, service) }

// A stopped service ends by itself, a killed one does not; what they logged can
// be read while they run.
func TestProcess(t *testing.T) {
	stopped, killed := servicetest.Start(t), servicetest.Start(t)
	for _, p := range []*servicetest.Process{stopped, killed} {
		servicetest.Await(t, "its log", func() bool { return strings.Contains(p.Logged(), "begun\n") })
	}
	stopped.Stop()
	killed.Kill()
	killed.Kill()
	assert.Equal(t, "begun\nended\n", stopped.Logged())
	assert.Equal(t, "begun\n", killed.Logged())
}

// A command line gets its arguments, and its exit code is the service's.
func TestCommand(t *testing.T) {
	command := servicetest.Command(t.Context(), "migrate", "plan")
	output, err := command.Output()
	require.Error(t, err)
	assert.Equal(t, "[migrate plan]", string(output))
	assert.Equal(t, 2, command.ProcessState.ExitCode())
}

// An address is free for a server, and one without a server is no failure of Get.
func TestGet(t *testing.T) {
	address := servicetest.FreeAddress(t)
	status, _, reason := servicetest.Get(t, "http://"+address)
	assert.Zero(t, status)
	assert.Contains(t, reason, "refused")
	server := &http.Server{Addr: address, Handler: http.NotFoundHandler()}
	ended := make(chan error)
	go func() { ended <- server.ListenAndServe() }()
	servicetest.Await(t, "an answer", func() bool {
		status, _, _ = servicetest.Get(t, "http://"+address)
		return status == http.StatusNotFound
	})
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-ended, http.ErrServerClosed)
}
