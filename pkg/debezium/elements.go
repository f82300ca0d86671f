package debezium

import "encoding/base64"

// Bytes reads a bytea, which arrives as base64. The result is a part of *scratch,
// as that of Text.
func (v Value) Bytes(scratch *[]byte) ([]byte, error) {
	decoded, ok := v.appendBase64((*scratch)[:0])
	if !ok {
		return nil, v.Unexpected("bytes in base64")
	}
	*scratch = decoded
	return decoded, nil
}

// appendBase64 appends the bytes of a string in base64.
func (v Value) appendBase64(dst []byte) (decoded []byte, ok bool) {
	text, ok := v.quoted()
	if !ok {
		return dst, false
	}
	decoded, err := base64.StdEncoding.AppendDecode(dst, text)
	return decoded, err == nil
}

// Elements reads an array of text and calls each with its elements in their
// order. A NULL has no text and isNull set. A text is valid until each returns;
// *scratch is as for Text. When an element is wrong, those before it have been
// handed over.
func (v Value) Elements(scratch *[]byte, each func(text []byte, isNull bool)) error {
	s := scanner{data: v.Raw}
	if !s.accept('[') {
		return v.Unexpected("an array")
	}
	for isFirst := true; !s.accept(']'); isFirst = false {
		if !isFirst {
			s.expect(',')
		}
		raw := s.value()
		if s.err != nil {
			return v.Unexpected("an array of texts")
		}
		element := Value{Raw: raw, Offset: v.Offset + s.pos - len(raw)}
		if element.IsNull() {
			each(nil, true)
			continue
		}
		text, err := element.Text(scratch)
		if err != nil {
			return err
		}
		each(text, false)
	}
	if s.end(); s.err != nil {
		return v.Unexpected("an array")
	}
	return nil
}
