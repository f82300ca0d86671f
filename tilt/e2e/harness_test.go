package e2e

import (
	"testing"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// stack is one local stack and what users see of it.
type stack struct{ *stacktest.Stack }

func newStack(t *testing.T) *stack {
	t.Helper()
	return &stack{stacktest.New(t)}
}
