package cdc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One seed gives one workload, whatever the database does with it.
func TestSameSeedSameWorkload(t *testing.T) {
	draw := func(seed uint64) (drawn [][]statement) {
		g := newGenerator(seed, fewChanges)
		for range 500 {
			statements := g.next()
			g.made += len(statements)
			drawn = append(drawn, statements)
		}
		return drawn
	}
	first, again := draw(1), draw(1)
	require.Equal(t, first, again)
	require.NotEqual(t, first, draw(2))
}
