package traffic

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// counted returns a source of ids that are the same in every test.
func counted() func() uuid.UUID {
	var n byte
	return func() uuid.UUID {
		n++
		return uuid.UUID{0: 0xaa, 6: 0x40, 8: 0x80, 14: n / 255, 15: n}
	}
}
