package consumer_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
)

// Of headers with one name the last counts; one without a value is not one that
// is missing.
func TestHeader(t *testing.T) {
	r := consumer.Record{Headers: []consumer.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "a", Value: []byte("2")}}}
	assert.Equal(t, []byte("2"), r.Header("a"))
	assert.Equal(t, []byte{}, r.Header("b"))
	assert.Nil(t, r.Header("c"))
}
