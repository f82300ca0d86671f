package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A large body leaves no large buffer behind: the next one may be a byte that comes
// slowly, and would hold it without counting.
func TestLargeBuffersAreNotKept(t *testing.T) {
	v := newReceiver(1<<20, &gate{maxRequests: 1, maxBytes: 1 << 20})
	receive := func(size int) (capacity int) {
		x := &exchange{w: httptest.NewRecorder(), r: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))}
		assert.Nil(t, v.receive(x, false, func(body []byte) *problem {
			assert.Len(t, body, size)
			capacity = cap(body)
			return nil
		}))
		v.gate.give(x.taken)
		return capacity
	}
	for range 10 {
		assert.GreaterOrEqual(t, receive(1<<20), 1<<20)
		assert.LessOrEqual(t, receive(1), keptBytes)
	}
}
