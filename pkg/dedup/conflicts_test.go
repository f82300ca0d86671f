package dedup

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A client that reuses ids all the time gets one line a minute, with the number.
func TestConflictsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		conflicts := &conflictLog{log: slog.New(slog.NewTextHandler(&log, nil))}
		conflicts.note(0, "")
		for range 90 {
			conflicts.note(2, "key")
			<-time.After(time.Second)
		}
		assert.Equal(t, 2, strings.Count(log.String(), "\n"))
		assert.Contains(t, log.String(), "conflicts=2 example=key")
		assert.Contains(t, log.String(), "conflicts=120 example=key")
	})
}
