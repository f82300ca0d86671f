package board

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// terminal is a screen on a buffer, of a size that a test changes.
type terminal struct {
	strings.Builder
	width, height int
	gone          error
}

func (t *terminal) screen() *screen {
	return &screen{out: t, size: func() (int, int, error) { return t.width, t.height, t.gone }}
}

// frame returns what the last table drew, without its escape sequences.
func (t *terminal) frame() []string {
	_, text, _ := strings.Cut(t.String()[strings.LastIndex(t.String(), beginFrame):], beginFrame)
	text, _, _ = strings.Cut(text, endFrame)
	text = strings.NewReplacer(endLine, "", bold, "", alarm, "", plain, "").Replace(text)
	return strings.Split(text, "\r\n")
}

// Each table is drawn for the size of that moment, over the last one, in one
// write, and never scrolls.
func TestScreenFollowsTheSize(t *testing.T) {
	out := &terminal{width: 132, height: 100}
	s := out.screen()
	require.NoError(t, s.open())
	require.NoError(t, s.show(atWork()))
	assert.Equal(t, Render(atWork(), 132, false), out.frame())

	out.width, out.height = 60, 10
	require.NoError(t, s.show(atWork()))
	assert.Equal(t, Render(atWork(), 60, false)[:10], out.frame())
	assert.NotContains(t, out.String(), "\x1b[2J", "clearing first flickers")
	for _, line := range strings.Split(out.String(), "\r\n") {
		assert.Contains(t, line, endLine, "what a longer line left must go")
	}
}

// On closing, the terminal is as before, with the last table on it as plain
// text.
func TestScreenRestores(t *testing.T) {
	out := &terminal{width: 80, height: 24}
	s := out.screen()
	require.NoError(t, s.open())
	require.NoError(t, s.show(atWork()))
	require.NoError(t, s.close())
	_, after, _ := strings.Cut(out.String(), leaveScreen)
	assert.Equal(t, strings.Join(Render(atWork(), 80, false), "\n")+"\n", after)
	assert.True(t, strings.HasPrefix(out.String(), enterScreen))
}

// A terminal that goes away is an error, and closing still tries to restore it.
func TestScreenLosesItsTerminal(t *testing.T) {
	out := &terminal{gone: errors.New("hung up")}
	s := out.screen()
	require.ErrorIs(t, s.show(atWork()), out.gone)
	require.NoError(t, s.close())
	assert.Equal(t, leaveScreen, out.String())
}
