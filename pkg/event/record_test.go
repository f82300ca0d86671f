package event_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
)

// A record is read by its content type, parameters or not, as JSON without one;
// what is neither is told from what is broken.
func TestDecodeRecord(t *testing.T) {
	const json = `{"ts":1,"user_id":"11111111-0000-4000-8000-000000000001","post_id":"33333333-0000-4000-8000-000000000001","action":"like"}`
	var want event.Event
	require.NoError(t, event.DecodeJSON([]byte(json), &want))
	binary := string(want.AppendProtobuf(nil))
	for name, test := range map[string]struct {
		value, contentType string
		err                error
	}{
		"no content type":    {value: json},
		"JSON":               {value: json, contentType: "application/json; charset=utf-8"},
		"protobuf":           {value: binary, contentType: "application/x-protobuf"},
		"protobuf, in parts": {value: binary, contentType: `application/x-protobuf; proto="x"`},
		"empty":              {contentType: "application/json", err: event.ErrEmpty},
		"another type":       {value: json, contentType: "text/plain", err: event.ErrContentType},
		"no type":            {value: json, contentType: "json", err: event.ErrContentType},
		"malformed type":     {value: json, contentType: ";", err: event.ErrContentType},
	} {
		t.Run(name, func(t *testing.T) {
			var contentType []byte
			if test.contentType != "" {
				contentType = []byte(test.contentType)
			}
			for _, decode := range []func(value, contentType []byte, into *event.Event) error{event.DecodeRecord, event.DecodeShared} {
				var got event.Event
				err := decode([]byte(test.value), contentType, &got)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, want, got)
			}
		})
	}
	require.ErrorIs(t, event.DecodeRecord([]byte(json), []byte{}, &event.Event{}), event.ErrContentType, "a header without a value")
	var invalid *event.InvalidError
	require.ErrorAs(t, event.DecodeRecord([]byte("{"), nil, &event.Event{}), &invalid)
}
