package event

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// AppendProtobuf appends the event as a nova.events.v1.Event, fields in the order
// of their numbers and attributes in the order of their names.
func (e *Event) AppendProtobuf(dst []byte) []byte {
	dst = appendBytes(dst, numberEventID, e.ID[:])
	dst = appendNumber(dst, numberTime, uint64(e.TimeMS))
	dst = appendBytes(dst, numberUserID, e.UserID[:])
	dst = appendBytes(dst, numberPostID, e.PostID[:])
	if e.AuthorID != uuid.Nil {
		dst = appendBytes(dst, numberAuthorID, e.AuthorID[:])
	}
	dst = appendNumber(dst, numberAction, uint64(e.Action))
	dst = appendNumber(dst, numberDwell, uint64(e.DwellMS))
	dst = appendText(dst, numberDevice, e.Device)
	dst = appendText(dst, numberAppVersion, e.AppVersion)
	for _, attribute := range e.Attributes {
		size := protowire.SizeTag(numberMapKey) + protowire.SizeBytes(len(attribute.Name)) +
			protowire.SizeTag(numberMapValue) + protowire.SizeBytes(len(attribute.Value))
		dst = protowire.AppendTag(dst, numberAttributes, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(size))
		dst = protowire.AppendTag(dst, numberMapKey, protowire.BytesType)
		dst = protowire.AppendString(dst, attribute.Name)
		dst = protowire.AppendTag(dst, numberMapValue, protowire.BytesType)
		dst = protowire.AppendString(dst, attribute.Value)
	}
	return appendText(dst, numberDeviceID, e.DeviceID)
}

func appendBytes(dst []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), value)
}

func appendNumber(dst []byte, number protowire.Number, value uint64) []byte {
	if value == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), value)
}

func appendText(dst []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, number, protowire.BytesType), value)
}
