package redrive

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A rate is an average over the run: a slow chunk is made up for.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{options: options{rate: 100}, started: time.Now()}
		assert.Equal(t, 10, r.chunkSize())
		r.report.Redriven = 50
		require.NoError(t, r.pace(t.Context()))
		assert.Equal(t, 500*time.Millisecond, time.Since(r.started))
		<-time.After(time.Second)
		r.report.Redriven = 100
		require.NoError(t, r.pace(t.Context()))
		assert.Equal(t, 1500*time.Millisecond, time.Since(r.started))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.report.Redriven = 1000
		require.ErrorIs(t, r.pace(ctx), context.Canceled)
		r.rate = 0
		require.NoError(t, r.pace(t.Context()))
		assert.Equal(t, chunkLetters, r.chunkSize())
	})
}
