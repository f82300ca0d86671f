package failpoint_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/failpoint"
)

type serviceConfig struct {
	Failpoints failpoint.Config `envconfig:"FAILPOINTS"`
}

func enabled(t *testing.T, without ...string) (set *failpoint.Set, kills *atomic.Int64) {
	t.Helper()
	set = failpoint.New(failpoint.Config{Enabled: true, Without: without}, slog.New(slog.DiscardHandler))
	kills = &atomic.Int64{}
	set.OnKill(func() { kills.Add(1) })
	return set, kills
}

// Without an operator's word nothing can be armed, killed or switched off.
func TestInertByDefault(t *testing.T) {
	var log bytes.Buffer
	var cfg serviceConfig
	require.NoError(t, config.Load(&cfg))
	set := failpoint.New(cfg.Failpoints, slog.New(slog.NewTextHandler(&log, nil)))
	require.Nil(t, set)
	assert.Empty(t, log.String())

	set.Hit(failpoint.AfterPlan)
	require.Error(t, set.Arm(failpoint.AfterPlan, 1))
	set.Hit(failpoint.AfterPlan)
	assert.Zero(t, set.Passes(failpoint.AfterPlan))
	for _, rule := range failpoint.Rules() {
		assert.False(t, set.IsOff(rule))
	}
	answer := httptest.NewRecorder()
	set.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/failpoints", nil))
	assert.Equal(t, http.StatusNotFound, answer.Code)
}

// A rule can be switched off only by its exact name and with failpoints enabled.
func TestConfigurationIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"unknown rule": {map[string]string{"FAILPOINTS_ENABLED": "true", "FAILPOINTS_WITHOUT": "plan,plans"}, `FAILPOINTS_WITHOUT names "plans"`},
		"not enabled":  {map[string]string{"FAILPOINTS_WITHOUT": "plan"}, "FAILPOINTS_WITHOUT is for fault tests"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range test.variables {
				t.Setenv(variable, value)
			}
			require.ErrorContains(t, config.Load(&serviceConfig{}), test.want)
		})
	}
}

// A process under fault test says so at error level, with the rules that are off.
func TestSaysThatItIsUnderTest(t *testing.T) {
	t.Setenv("FAILPOINTS_ENABLED", "true")
	t.Setenv("FAILPOINTS_WITHOUT", "view_dedup,letters_first")
	var cfg serviceConfig
	require.NoError(t, config.Load(&cfg))
	var log bytes.Buffer
	set := failpoint.New(cfg.Failpoints, slog.New(slog.NewTextHandler(&log, nil)))
	assert.Contains(t, log.String(), "level=ERROR")
	assert.Contains(t, log.String(), "view_dedup letters_first")
	assert.True(t, set.IsOff(failpoint.ViewDedup))
	assert.True(t, set.IsOff(failpoint.LettersFirst))
	assert.False(t, set.IsOff(failpoint.Plan))
}

// The pass that was asked for kills, once, and no other.
func TestTheArmedPassKills(t *testing.T) {
	set, kills := enabled(t)
	set.Hit(failpoint.AfterPlan)
	require.NoError(t, set.Arm(failpoint.AfterPlan, 2))
	set.Hit(failpoint.AfterInsert)
	set.Hit(failpoint.AfterPlan)
	assert.Zero(t, kills.Load())
	set.Hit(failpoint.AfterPlan)
	assert.EqualValues(t, 1, kills.Load())
	set.Hit(failpoint.AfterPlan)
	assert.EqualValues(t, 1, kills.Load())
	assert.EqualValues(t, 4, set.Passes(failpoint.AfterPlan))

	require.NoError(t, set.Arm(failpoint.AfterPlan, 1))
	require.NoError(t, set.Arm(failpoint.AfterPlan, 0))
	set.Hit(failpoint.AfterPlan)
	assert.EqualValues(t, 1, kills.Load())
	set.Hit("elsewhere")
	require.ErrorContains(t, set.Arm("elsewhere", 1), "after_claim")
	require.Error(t, set.Arm(failpoint.AfterPlan, -1))
}

// However many goroutines pass an armed point, one of them kills.
func TestConcurrentPassesKillOnce(t *testing.T) {
	set, kills := enabled(t)
	require.NoError(t, set.Arm(failpoint.AfterClaim, 50))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				set.Hit(failpoint.AfterClaim)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, kills.Load())
	assert.EqualValues(t, 800, set.Passes(failpoint.AfterClaim))
}

// The admin port shows passes, arms, and refuses what it does not understand.
func TestAdmin(t *testing.T) {
	set, kills := enabled(t, "plan")
	call := func(method, body string) (int, string) {
		answer := httptest.NewRecorder()
		set.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, "/failpoints", strings.NewReader(body)))
		return answer.Code, answer.Body.String()
	}
	set.Hit(failpoint.AfterLetter)
	status, body := call(http.MethodPost, `{"point":"after_letter","count":2}`)
	assert.Equal(t, http.StatusOK, status)
	want := `{"without":["plan"],"points":[
		{"point":"after_claim","passes":0,"left":0},{"point":"after_letter","passes":1,"left":2},
		{"point":"after_plan","passes":0,"left":0},{"point":"after_insert","passes":0,"left":0}]}`
	assert.JSONEq(t, want, body)
	status, body = call(http.MethodGet, "")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, want, body)
	set.Hit(failpoint.AfterLetter)
	set.Hit(failpoint.AfterLetter)
	assert.EqualValues(t, 1, kills.Load())

	for _, wrong := range []string{``, `{`, `{"point":"after_plan"}`, `{"point":"x","count":1}`, `{"point":"after_plan","count":-1}`, `{"point":"after_plan","n":1}`} {
		status, _ = call(http.MethodPost, wrong)
		assert.Equal(t, http.StatusBadRequest, status, wrong)
	}
	status, _ = call(http.MethodDelete, "")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
}

// The kill is SIGKILL: nothing after the point runs, no deferred call either.
func TestKillsTheProcess(t *testing.T) {
	const child = "FAILPOINT_TEST_CHILD"
	if os.Getenv(child) != "" {
		defer func() { _, _ = os.Stdout.WriteString("ran on") }()
		set := failpoint.New(failpoint.Config{Enabled: true}, slog.New(slog.DiscardHandler))
		require.NoError(t, set.Arm(failpoint.AfterInsert, 1))
		set.Hit(failpoint.AfterInsert)
		return
	}
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillsTheProcess$")
	run.Env = append(os.Environ(), child+"=1")
	output, err := run.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	status, isStatus := exit.Sys().(syscall.WaitStatus)
	require.True(t, isStatus)
	assert.Equal(t, syscall.SIGKILL, status.Signal())
	assert.NotContains(t, string(output), "ran on")
}

// BenchmarkHit is what a point costs that is not armed.
func BenchmarkHit(b *testing.B) {
	set := failpoint.New(failpoint.Config{Enabled: true}, slog.New(slog.DiscardHandler))
	b.ReportAllocs()
	for b.Loop() {
		set.Hit(failpoint.AfterInsert)
	}
}
