package telemetry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/telemetry"
)

// What repeats is due once a minute, whatever else is, and at once when it has
// been forgotten.
func TestRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r telemetry.Repeats
		assert.True(t, r.Due("a"))
		assert.False(t, r.Due("a"))
		assert.True(t, r.Due("b"))
		<-time.After(time.Minute - time.Nanosecond)
		assert.False(t, r.Due("a"))
		<-time.After(time.Nanosecond)
		assert.True(t, r.Due("a"))
		r.Forget("a")
		assert.True(t, r.Due("a"))
	})
}
