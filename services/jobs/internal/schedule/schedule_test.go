package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/jobs/internal/schedule"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02 15:04:05", text)
	require.NoError(t, err)
	return parsed
}

// Ticks fall where the schedule says, the same for whoever asks and whenever,
// and the latest tick is the one whose next is the next.
func TestTicks(t *testing.T) {
	const now = "2026-03-01 10:20:30"
	for text, want := range map[string]struct {
		latest, next string
		span         time.Duration
	}{
		"@every 1s":          {"2026-03-01 10:20:30", "2026-03-01 10:20:31", 2 * time.Second},
		"@every 7s":          {"2026-03-01 10:20:29", "2026-03-01 10:20:36", 14 * time.Second},
		"@every 60s":         {"2026-03-01 10:20:00", "2026-03-01 10:21:00", 2 * time.Minute},
		"@every 1h30m":       {"2026-03-01 09:00:00", "2026-03-01 10:30:00", 3 * time.Hour},
		"@every 24h":         {"2026-03-01 00:00:00", "2026-03-02 00:00:00", 48 * time.Hour},
		"* * * * *":          {"2026-03-01 10:20:00", "2026-03-01 10:21:00", 90 * time.Second},
		" */15  * * * * ":    {"2026-03-01 10:15:00", "2026-03-01 10:30:00", 24*time.Minute + 30*time.Second},
		"0 9,10 * * *":       {"2026-03-01 10:00:00", "2026-03-02 09:00:00", 23*time.Hour + 39*time.Minute + 30*time.Second},
		"@hourly":            {"2026-03-01 10:00:00", "2026-03-01 11:00:00", 99*time.Minute + 30*time.Second},
		"@daily":             {"2026-03-01 00:00:00", "2026-03-02 00:00:00", 37*time.Hour + 39*time.Minute + 30*time.Second},
		"@weekly":            {"2026-03-01 00:00:00", "2026-03-08 00:00:00", 13*24*time.Hour + 13*time.Hour + 39*time.Minute + 30*time.Second},
		"@monthly":           {"2026-03-01 00:00:00", "2026-04-01 00:00:00", 60*24*time.Hour + 13*time.Hour + 39*time.Minute + 30*time.Second},
		"0 0 29 2 *":         {"2024-02-29 00:00:00", "2028-02-29 00:00:00", 0},
		"30 4 1-7 jan-mar *": {"2026-03-01 04:30:00", "2026-03-02 04:30:00", 42*time.Hour + 9*time.Minute + 30*time.Second},
	} {
		parsed, err := schedule.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, at(t, want.latest), parsed.Latest(at(t, now)), text)
		assert.Equal(t, at(t, want.next), parsed.Next(at(t, now)), text)
		assert.Equal(t, at(t, want.next), parsed.Next(parsed.Latest(at(t, now))), text)
		if want.span != 0 {
			assert.Equal(t, want.span, parsed.Span(at(t, now)), text)
		}
	}
}

// A tick is in UTC wherever the process runs.
func TestTicksAreInUTC(t *testing.T) {
	parsed, err := schedule.Parse("0 12 * * *")
	require.NoError(t, err)
	elsewhere := at(t, "2026-03-01 13:00:00").In(time.FixedZone("far", -9*3600))
	assert.Equal(t, at(t, "2026-03-02 12:00:00"), parsed.Next(elsewhere))
}

// What is no schedule is refused with what is allowed, also what would crash the
// parser or never come.
func TestRefused(t *testing.T) {
	const every, form = "must be whole seconds from 1s to 24h0m0s", "must be @every and a duration, five cron fields"
	for text, reason := range map[string]string{
		"":                 form,
		"soon":             form,
		"@every":           form,
		"@yearly":          form,
		"@every 0s":        every,
		"@every 999ms":     every,
		"@every 1500ms":    every,
		"@every 25h":       every,
		"@every -60s":      every,
		"@every a while":   every,
		"* * * *":          form,
		"0 * * * * *":      form,
		"60 * * * *":       form,
		"TZ=0":             form,
		"CRON_TZ=UTC":      form,
		"TZ=UTC * * * *":   form,
		"TZ=UTC * * * * *": form,
		"0 0 30 2 *":       "must name a day that exists",
	} {
		_, err := schedule.Parse(text)
		assert.ErrorContains(t, err, reason, text)
	}
}

// Whatever is written as a schedule: an error, or ticks that go forward.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"@every 60s", "*/5 * * * *", "@daily", "TZ=0", "0 0 30 2 *", "1-5/2 1,2 ? jan mon"} {
		f.Add(text)
	}
	now := time.Unix(1_764_000_000, 0).UTC()
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := schedule.Parse(text)
		if err != nil {
			return
		}
		next := parsed.Next(now)
		if !next.IsZero() {
			assert.True(t, next.After(now))
			assert.False(t, parsed.Latest(now).After(now))
		}
	})
}
