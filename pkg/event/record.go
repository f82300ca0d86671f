package event

// How an event is marked on Kafka and in HTTP.
const (
	HeaderContentType = "content-type"
	HeaderSchema      = "nova-schema"
	HeaderTraceparent = "traceparent"

	ContentTypeJSON     = "application/json"
	ContentTypeProtobuf = "application/x-protobuf"

	// Schema is the full name of the protobuf message.
	Schema = "nova.events.v1.Event"
)
