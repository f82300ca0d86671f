package debezium_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

// Timestamps of every age that PostgreSQL knows are read to the microsecond.
func TestTimestamptz(t *testing.T) {
	tests := []struct {
		text string
		want int64
	}{
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.000001Z", 1},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"2025-11-23T12:13:20.123456Z", 1763900000123456},
		{"2025-11-23T12:13:20.1Z", 1763900000100000},
		{"2025-11-23T12:13:20.123456789Z", 1763900000123456},
		{"2025-11-23T14:13:20+02:00", 1763900000000000},
		{"2025-11-23T08:43:20-03:30", 1763900000000000},
		{"2024-02-29T00:00:00Z", 1709164800000000},
		{"0000-01-01T00:00:00Z", -62167219200000000},
		{"-0043-03-15T00:00:00.000000Z", -63517824000000000},
		{"-4712-01-01T00:00:00Z", -210863520000000000},
		{"+12000-01-01T00:00:00Z", 316516204800000000},
		{"+294276-12-31T23:59:59Z", 9223372036853000000},
		{"infinity", debezium.InfiniteMicros},
		{"-infinity", debezium.NegativeInfiniteMicros},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := value(`"` + test.text + `"`).Timestamptz()
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

// What is no instant is refused.
func TestTimestamptzRefuses(t *testing.T) {
	texts := []string{
		"", "Z", "now", "2025", "2025-11-23", "2025-11-23T12:13Z", "2025-11-23 12:13:20Z", "2025-11-23T12:13:20",
		"2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-04-31T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2025-11-00T00:00:00Z", "2025-11-23T24:00:00Z", "2025-11-23T12:60:00Z", "2025-11-23T12:13:60Z", "2025-11-23T12:13:20.Z",
		"2025-11-23T12:13:20.1234567890Z", "2025-11-23T12:13:20Zx", "2025-11-23T12:13:20+2:00", "2025-11-23T12:13:20+02",
		"225-11-23T12:13:20Z", "1234567-11-23T12:13:20Z", "20a5-11-23T12:13:20Z", "--2025-11-23T12:13:20Z",
	}
	for _, text := range texts {
		_, err := value(`"` + text + `"`).Timestamptz()
		require.ErrorIs(t, err, debezium.ErrValue, text)
	}
	_, err := value(`1763900000123456`).Timestamptz()
	require.ErrorIs(t, err, debezium.ErrValue)
}

// The calendar is that of package time, over four centuries either side.
func TestTimestamptzAgreesWithPackageTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		instant := time.UnixMicro(random.Int64N(2e16) - 1e16).UTC()
		got, err := value(`"` + instant.Format("2006-01-02T15:04:05.000000Z07:00") + `"`).Timestamptz()
		require.NoError(t, err)
		require.Equal(t, instant.UnixMicro(), got, instant)
	}
}
