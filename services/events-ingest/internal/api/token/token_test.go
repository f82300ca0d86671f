package token_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/services/events-ingest/internal/api/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	first  = "first-token-0123456789"
	second = "second-token-0123456789"
)

// health keeps what it is told.
type health struct {
	mu     sync.Mutex
	reason string
}

func (h *health) Degraded(_, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reason = reason
}

func (h *health) Healthy(string) { h.Degraded("", "") }

func (h *health) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reason
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func open(t *testing.T, content string) (*token.Callers, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, content)
	return token.Open(path, token.Deps{Health: &health{}, Log: slog.New(slog.DiscardHandler)})
}

// A token is known by all of it and in the form of RFC 6750 only.
func TestCaller(t *testing.T) {
	callers, err := open(t, "# the shops\nweb:"+first+"\n\n  ios:"+second+"  \r\nweb:another-token-of-web==\n")
	require.NoError(t, err)
	for authorization, name := range map[string]string{
		"Bearer " + first:                  "web",
		"bearer  " + first:                 "web",
		"Bearer another-token-of-web==":    "web",
		"Bearer " + second:                 "ios",
		"Bearer " + first[:len(first)-1]:   "",
		"Bearer " + first + "x":            "",
		"Bearer " + first + "," + second:   "",
		"Bearer web:" + first:              "",
		"Bearer ":                          "",
		"Bearer":                           "",
		"Bearer" + first:                   "",
		"Basic " + first:                   "",
		first:                              "",
		"":                                 "",
		"Bearer " + strings.ToUpper(first): "",
	} {
		got, isKnown := callers.Caller(authorization)
		assert.Equal(t, name, got, authorization)
		assert.Equal(t, name != "", isKnown, authorization)
	}
}

// Every wrong line is named by its number, and nothing of it is told: it may be a
// token.
func TestWrongFile(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"empty":         {"", []string{"holds no token"}},
		"comments only": {"# none\n", []string{"holds no token"}},
		"no name":       {":" + first, []string{"line 1: must be name:token"}},
		"odd name":      {"we b:" + first, []string{"line 1"}},
		"shortest":      {"web:a-secret-of-16-b", nil},
		"too short":     {"web:secret", []string{"line 1: the token must have 16 to 512"}},
		"with spaces":   {"web: " + first, []string{"line 1: the token"}},
		"twice":         {"web:" + first + "\nios:" + first, []string{"line 2: is the token of line 1"}},
		"all at once":   {"#\nweb:secret\n:" + first + "\nweb:" + first, []string{"line 2", "line 3"}},
		"large":         {strings.Repeat("#\n", 1<<20), []string{"more than 1048576 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, test.content)
			if len(test.want) == 0 {
				require.NoError(t, err)
				return
			}
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), first)
		})
	}
	_, err := token.Open(filepath.Join(t.TempDir(), "none"), token.Deps{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Tokens are rotated while the service runs: the new count within seconds, the old
// end then. A file that is wrong, or gone, changes nothing, is shown until it is
// right, and is logged once.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tokens")
		write(t, path, "web:"+first)
		var log bytes.Buffer
		state := &health{}
		callers, err := token.Open(path, token.Deps{Health: state, Log: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- callers.Watch(ctx) }()
		pass := func() {
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
			synctest.Wait()
		}
		isKnown := func(token string) bool {
			_, isKnown := callers.Caller("Bearer " + token)
			return isKnown
		}
		pass()
		assert.Empty(t, log.String(), "nothing changed")

		write(t, path, "web:"+first+"\nweb:"+second)
		pass()
		assert.True(t, isKnown(first) && isKnown(second))

		write(t, path, "web:"+second+"\noops")
		pass()
		pass()
		assert.True(t, isKnown(first) && isKnown(second), "the tokens before")
		assert.Contains(t, state.said(), "line 2")
		require.NoError(t, os.Remove(path))
		pass()
		assert.Contains(t, state.said(), "no such file")
		assert.True(t, isKnown(first))
		assert.Equal(t, 2, strings.Count(log.String(), "keeping the tokens"), "once for each reason")

		write(t, path, "web:"+second)
		pass()
		assert.False(t, isKnown(first))
		assert.True(t, isKnown(second))
		assert.Empty(t, state.said())
		assert.NotContains(t, log.String(), second)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// Whatever stands in the file: tokens or an error.
func FuzzOpen(f *testing.F) {
	f.Add("web:" + first)
	f.Add("# \n\nweb:x")
	f.Fuzz(func(t *testing.T, content string) {
		callers, err := open(t, content)
		assert.NotEqual(t, err == nil, callers == nil)
	})
}
