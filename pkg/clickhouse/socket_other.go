//go:build !linux

package clickhouse

import (
	"syscall"
	"time"
)

// setUnacknowledgedTimeout does nothing where TCP_USER_TIMEOUT is unknown; the
// deadline of each call bounds a silent peer there too, only later.
func setUnacknowledgedTimeout(syscall.RawConn, time.Duration) error { return nil }
