package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// TestEveryCodeIsClassifiedOnPurpose holds the whole table: each code once, in
// order, under ClickHouse's own name, with a class there is and a reason. The
// classes are repeated here so that moving a code takes two decisions.
func TestEveryCodeIsClassifiedOnPurpose(t *testing.T) {
	server := chtest.Start(t)
	byClass := map[Class][]int{}
	last := 0
	for _, known := range codes() {
		assert.Greater(t, known.code, last, "ascending, without repetition")
		last = known.code
		assert.Equal(t, server.Query(fmt.Sprintf("SELECT errorCodeToName(%d)", known.code)), known.name)
		assert.NotEmpty(t, known.reason, known.name)
		byClass[known.class] = append(byClass[known.class], known.code)
	}
	assert.Equal(t, map[Class][]int{
		Transient: {3, 32, 33, 49, 95, 96, 99, 101, 159, 198, 209, 210, 225, 236, 242, 244, 254, 279, 285, 286, 319, 394, 425, 473, 519, 733, 735, 999, 1000, 1001, 1002},
		Overload:  {158, 160, 173, 201, 202, 203, 241, 243, 252, 290, 307, 364, 396, 439, 745},
		Data:      {6, 27, 38, 41, 69, 70, 72, 117, 128, 131, 321, 349, 376, 407, 441, 467, 469, 691},
		Schema:    {10, 16, 20, 44, 47, 50, 53, 57, 60, 81, 218, 395},
		Statement: {36, 43, 46, 48, 62, 115},
		Access:    {164, 192, 193, 194, 195, 497, 516},
	}, byClass)
}

// TestUnknownIsNeverData holds that an error nobody thought of is tried again: a
// record is not given up for it.
func TestUnknownIsNeverData(t *testing.T) {
	t.Parallel()
	known := map[int]bool{}
	for _, one := range codes() {
		known[one.code] = true
	}
	for code := range 2000 {
		if known[code] {
			continue
		}
		class, name := meaningOf(code, "anything")
		require.Equal(t, Transient, class, code)
		require.Equal(t, fmt.Sprintf("CODE_%d", code), name)
	}
	assert.Equal(t, Transient, ClassOf(io.ErrUnexpectedEOF))
}

// TestTooManyPartsHasTwoMeanings holds that the refusal of a block which spans
// too many months is told from merges that are behind: waiting helps one only.
func TestTooManyPartsHasTwoMeanings(t *testing.T) {
	t.Parallel()
	class, name := meaningOf(252, "Too many parts (3000) in all partitions in total. Merges are processing significantly slower than inserts")
	assert.Equal(t, Overload, class)
	assert.Equal(t, "TOO_MANY_PARTS", name)
	class, name = meaningOf(252, "Too many partitions for single INSERT block (more than 100)")
	assert.Equal(t, Statement, class)
	assert.Equal(t, "TOO_MANY_PARTITIONS", name)
}

// TestClassify holds what each kind of failure is called, that a wrapped
// exception of the server's is found, and that causes stay in the chain.
func TestClassify(t *testing.T) {
	t.Parallel()
	exception := &ch.Exception{Code: proto.ErrUnknownTable, Name: "DB::Exception", Message: "Table nova.posts does not exist"}
	cases := []struct {
		err   error
		code  int
		name  string
		class Class
	}{
		{fmt.Errorf("at 127.0.0.1:9000: %w", exception), 60, "UNKNOWN_TABLE", Schema},
		{fmt.Errorf("at 127.0.0.1:9000: %w", context.DeadlineExceeded), 0, "timeout", Transient},
		{fmt.Errorf("at 127.0.0.1:9000: %w", context.Canceled), 0, "cancelled", Transient},
		{fmt.Errorf("connecting: %w", errors.Join(io.EOF)), 0, "connection", Transient},
	}
	for _, c := range cases {
		failure := classify("inserting into posts", c.err)
		assert.Equal(t, c.code, failure.Code)
		assert.Equal(t, c.name, failure.Name)
		assert.Equal(t, c.class, failure.Class)
		require.ErrorIs(t, failure, c.err)
		assert.True(t, strings.HasPrefix(failure.Error(), "inserting into posts: "+c.name+" ("+string(c.class)+"): "), failure.Error())
	}
	require.NoError(t, asError(classify("querying", nil)))
}
