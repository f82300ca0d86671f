package redis_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/redis"
)

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.EqualError(t, redis.Config{Username: "u"}.Validate(), "ADDR must name at least one node\nPASSWORD is required by USERNAME")
	assert.EqualError(t, redis.Config{Addr: []string{"redis", "a:1"}}.Validate(), `ADDR: "redis" is not host:port`)
	assert.EqualError(t, redis.Override{Addr: []string{"x"}}.Validate(), `ADDR: "x" is not host:port`)
	assert.NoError(t, redis.Override{}.Validate())
}

// A role's own address takes the place of the shared one, and its login only
// where it is set; a login without an address says nothing.
func TestFor(t *testing.T) {
	shared := redis.Config{Addr: []string{"shared:1"}, Username: "u", Password: "p"}
	assert.Equal(t, shared, shared.For(redis.Override{Password: "ignored"}))
	assert.Equal(t, redis.Config{Addr: []string{"own:1"}, Username: "u", Password: "p"}, shared.For(redis.Override{Addr: []string{"own:1"}}))
	assert.Equal(t, redis.Config{Addr: []string{"own:1"}, Username: "v", Password: "q"},
		shared.For(redis.Override{Addr: []string{"own:1"}, Username: "v", Password: "q"}))
}
