package debezium_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

func version(t *testing.T, prefix string, lsn uint64, op debezium.Op) uint64 {
	t.Helper()
	v, err := debezium.Epochs{"nova": 0, "nova2": 1}.Version(&debezium.Source{Name: []byte(prefix), LSN: lsn}, op)
	require.NoError(t, err)
	return v
}

// The version has its parts where stored rows have them: changing this breaks
// every table.
func TestVersionLayout(t *testing.T) {
	assert.Equal(t, uint64(26465120|2), version(t, "nova", 26465120, debezium.Create))
	assert.Equal(t, uint64(26465120|2), version(t, "nova", 26465120, debezium.Update))
	assert.Equal(t, uint64(26465120|1), version(t, "nova", 26465120, debezium.Delete))
	assert.Equal(t, uint64(1), version(t, "nova", 26465120, debezium.Read))
	assert.Equal(t, uint64(1<<56|26465120|2), version(t, "nova2", 26465120, debezium.Update))
	assert.Equal(t, uint64(1<<56|1), version(t, "nova2", 0, debezium.Read))
}

// Each of these changes wins over all before it: a snapshot never overrides a
// streamed change, not even one with a lower LSN; a re-inserted row wins over
// its delete; a new epoch wins over everything.
func TestVersionOrder(t *testing.T) {
	ordered := []uint64{
		version(t, "nova", 26465688, debezium.Read),
		version(t, "nova", 26465120, debezium.Update),
		version(t, "nova", 26465128, debezium.Delete),
		version(t, "nova", 26465128, debezium.Create),
		version(t, "nova", 1<<56-8, debezium.Update),
		version(t, "nova2", 8, debezium.Read),
		version(t, "nova2", 8, debezium.Delete),
	}
	assert.IsIncreasing(t, ordered)
}

// A streamed change whose position cannot rank it is refused: absent, not
// aligned, or so large that it would run into the epoch.
func TestVersionRefusesPositions(t *testing.T) {
	for _, lsn := range []uint64{0, 26465121, 1 << 56} {
		_, err := debezium.Epochs{"nova": 0}.Version(&debezium.Source{Name: []byte("nova"), LSN: lsn}, debezium.Update)
		require.ErrorIs(t, err, debezium.ErrPosition)
	}
}

// A prefix without an epoch is an error of its own, which holds the map that an
// operator has to set.
func TestUnmappedPrefix(t *testing.T) {
	epochs := debezium.Epochs{"nova": 0, "nova2": 4}
	_, err := epochs.Version(&debezium.Source{Name: []byte("nova3"), LSN: 8}, debezium.Update)
	var unmapped *debezium.UnmappedError
	require.ErrorAs(t, err, &unmapped)
	assert.Equal(t, "nova3", unmapped.Prefix)
	assert.Equal(t, "nova2:4,nova3:5,nova:0", unmapped.Epochs.String())
	assert.Len(t, epochs, 2, "the map itself stays as it is")
}

// When the highest epoch is taken no map is suggested that would rank the new
// source below the old one: following it fails at the start.
func TestUnmappedPrefixWithoutFreeEpoch(t *testing.T) {
	_, err := debezium.Epochs{"nova": 255}.Version(&debezium.Source{Name: []byte("nova2"), LSN: 8}, debezium.Update)
	var unmapped *debezium.UnmappedError
	require.ErrorAs(t, err, &unmapped)
	require.Error(t, unmapped.Epochs.Validate())
}

// A map that would compare the positions of two sources is refused.
func TestEpochsValidate(t *testing.T) {
	require.NoError(t, debezium.Epochs{"nova": 0, "nova2": 1}.Validate())
	require.ErrorContains(t, debezium.Epochs{"nova": 1, "nova2": 1}.Validate(), "nova and nova2")
	require.Error(t, debezium.Epochs{}.Validate())
}
