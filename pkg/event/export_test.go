package event

// fieldsV1 is the fields that v1 was released with. It never changes.
func fieldsV1() field {
	return fieldEventID | fieldTime | fieldUserID | fieldPostID | fieldAuthorID | fieldAction | fieldDwell | fieldDevice |
		fieldAppVersion | fieldAttributes
}

// DecodeProtobufV1 is DecodeProtobuf in a consumer that has v1.
func DecodeProtobufV1(record []byte, event *Event) error {
	d := newProtobufDecoder(record, string(record))
	d.builder.without = ^fieldsV1()
	return d.record(event)
}

// DecodeJSONV1 is DecodeJSON in a consumer that has v1.
func DecodeJSONV1(record []byte, event *Event) error {
	var d jsonDecoder
	d.builder.without = ^fieldsV1()
	return d.record(string(record), event)
}
