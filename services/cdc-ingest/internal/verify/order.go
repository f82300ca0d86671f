package verify

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errKeyType = errors.New("key cannot be ordered alike on both sides")

// order is how both sides sort a key, by ClickHouse's type of it.
type order struct {
	// postgres is the SQL of PostgreSQL that sorts as ClickHouse does by itself.
	postgres func(key string) string
	// compare compares two keys as the servers render them.
	compare func(a, b string) int
}

func orderOf(kind string) (order, error) {
	switch {
	case kind == "UUID":
		return order{postgres: secondHalfFirst, compare: compareUUIDs}, nil
	case kind == "String":
		return order{postgres: func(key string) string { return key + `::text COLLATE "C"` }, compare: cmp.Compare[string]}, nil
	case strings.HasPrefix(kind, "Int") || strings.HasPrefix(kind, "UInt"):
		return order{postgres: func(key string) string { return key }, compare: compareIntegers}, nil
	default:
		return order{}, fmt.Errorf("key of type %s: %w", kind, errKeyType)
	}
}

// secondHalfFirst is one value, not two, for the sake of PostgreSQL's abbreviated
// keys.
func secondHalfFirst(key string) string {
	bytes := "uuid_send((" + key + "::text)::uuid)"
	return "substring(" + bytes + " FROM 9) || substring(" + bytes + " FOR 8)"
}

// secondHalf is where the ninth byte begins in a UUID's text.
const secondHalf = len("01234567-0123-0123-")

func compareUUIDs(a, b string) int {
	if len(a) < secondHalf || len(b) < secondHalf {
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(a[secondHalf:], b[secondHalf:]), cmp.Compare(a[:secondHalf], b[:secondHalf]))
}

// compareIntegers goes by sign and length where a number does not fit an int64.
func compareIntegers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX != nil || errY != nil {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(x, y)
}
