package cause_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/invalidator/internal/cause"
)

// Whatever the bytes, on whatever topic: no panic, always an answer, and never a
// cause that is about nobody or about the nil UUID.
func FuzzRead(f *testing.F) {
	topics := append(cause.Topics(), "cdc.other")
	contentTypes := []string{"", "application/json", "application/x-protobuf", "text/plain"}
	f.Fuzz(func(t *testing.T, topic, contentType uint8, value []byte) {
		record := consumer.Record{Topic: topics[int(topic)%len(topics)], Value: value, Time: time.UnixMilli(1)}
		if name := contentTypes[int(contentType)%len(contentTypes)]; name != "" {
			record.Headers = []consumer.Header{{Key: "content-type", Value: []byte(name)}}
		}
		var reader cause.Reader
		found := reader.Read(&record)
		if found.Cause == nil {
			assert.NotEqual(t, found.Ignored != "", found.Problem != nil, "either ignored or a problem")
			return
		}
		assert.Empty(t, found.Ignored)
		all := slices.Concat(found.Cause.Users, found.Cause.Authors, found.Cause.Posts)
		assert.NotEmpty(t, all)
		assert.NotContains(t, all, uuid.Nil)
		assert.NotEmpty(t, found.Cause.Kind)
		assert.False(t, found.Cause.At.IsZero())
	})
}
