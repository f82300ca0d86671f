package redrive

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A rate holds from record to record: what was not published in time is not made up
// for.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{options: options{rate: 100}}
		assert.Equal(t, 10, r.portion())
		began := time.Now()
		require.NoError(t, r.pace(t.Context(), 50))
		assert.Equal(t, 500*time.Millisecond, time.Since(began))
		<-time.After(time.Minute)
		began = time.Now()
		require.NoError(t, r.pace(t.Context(), 50))
		assert.Equal(t, 500*time.Millisecond, time.Since(began))
		require.NoError(t, r.pace(t.Context(), 0))
		assert.Equal(t, 500*time.Millisecond, time.Since(began), "nothing published, nothing to wait for")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, r.pace(ctx, 1000), context.Canceled)
		r.rate = 0
		require.NoError(t, r.pace(t.Context(), 1000))
		assert.Equal(t, chunkLetters, r.portion())
	})
}
