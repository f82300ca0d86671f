package clickhouse

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUnacknowledgedTimeout bounds how long sent bytes may go unacknowledged.
func setUnacknowledgedTimeout(raw syscall.RawConn, timeout time.Duration) error {
	var result error
	err := raw.Control(func(descriptor uintptr) {
		result = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return result
}
