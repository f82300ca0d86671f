package stacktest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// ports are what a stack listens on with PORT_BASE=0.
func ports() []int {
	return []int{5432, 6379, 8080, 8081, 8083, 8088, 8123, 9000, 9092, 9093, 9101, 9102, 9103, 9104}
}

// freePortBase returns a base below the ephemeral ports on which all ports of a
// stack are free.
func freePortBase(t *testing.T) int {
	t.Helper()
	for range 50 {
		base := 10_000 + 10*rand.IntN(1_200) //nolint:gosec // a port, not a secret
		if allFree(base) {
			return base
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

func allFree(base int) bool {
	for _, port := range ports() {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+port))) //nolint:noctx // at once, on this machine
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
