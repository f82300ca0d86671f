package clustertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// Ports are below those that the system gives to outgoing connections, so that they
// are still free when a program that was killed starts again.
const lowestPort, highestPort = 12_000, 30_000

// freeAddress is an address of the loopback interface on which nobody listens.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePortBase(tb, 0))
}

// freePortBase returns a number that makes free ports of all these.
func freePortBase(tb testing.TB, ports ...int) int {
	tb.Helper()
	for range 100 {
		base := lowestPort + rand.IntN(highestPort-lowestPort) //nolint:gosec // any will do
		isFree := true
		for _, port := range ports {
			isFree = isFree && canListen(base+port)
		}
		if isFree {
			return base
		}
	}
	tb.Fatal("no free port")
	return 0
}

func canListen(port int) bool {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

const tailSize = 6 << 10

// tail is the end of a log.
func tail(path string) string {
	content, err := os.ReadFile(path) //nolint:gosec // the test's own
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-tailSize):])
}
