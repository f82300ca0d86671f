package api

import (
	"crypto/rand"
	"mime"
	"net/http"
	"strings"

	"github.com/nova-data/nova/pkg/event"
)

const (
	headerRequestID = "X-Request-Id"
	// maxRequestIDBytes bounds an id that a client gives.
	maxRequestIDBytes = 128
	// maxHeaderBytes bounds names and values of the headers together. The server's
	// own limit is above it: beyond that the answer is not ours.
	maxHeaderBytes = 32 << 10

	// parameterMessage names the message of a protobuf body in its content type.
	parameterMessage = "message"
	messageBatch     = "nova.events.v1.EventBatch"
)

// exchange is one request and its answer.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
	// id is the request's, on every answer and in the log.
	id string
	// caller is whose token was sent.
	caller string
	// isAllowed says that the pages of its origin may read the answer.
	isAllowed bool
	// taken is how many bytes of the gate are in hand.
	taken int64
}

// requestID is the id that a client gave, or a new one of 128 random bits.
func requestID(header http.Header) string {
	if given := header[headerRequestID]; len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return rand.Text()
}

// isRequestID keeps what would break a log or a header out of both.
func isRequestID(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxRequestIDBytes
}

func headerBytes(header http.Header) int {
	size := 0
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// encodingOf tells whether the body is compressed.
func encodingOf(header http.Header) (isGzip bool, refusal *problem) {
	encoding := strings.Join(header["Content-Encoding"], ", ")
	switch strings.ToLower(encoding) {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	}
	return false, newProblem(http.StatusUnsupportedMediaType, "the content encoding must be gzip, once, or identity").
		with("Accept-Encoding", "gzip, identity")
}

type decoder func(body []byte, bounds event.Bounds) ([]event.Event, error)

// decoderOf picks the form of the body. What `curl -d` claims to send when it is
// not told otherwise, and no claim at all, are taken for JSON; but not of a browser's
// page, which may send just these to any origin without asking (CORS-safelisted
// request-header, Fetch standard).
func decoderOf(header http.Header) (decoder, *problem) {
	given, isBrowser := header.Get("Content-Type"), header.Get("Origin") != ""
	switch given { // as most clients send it
	case event.ContentTypeJSON:
		return event.DecodeJSONBody, nil
	case event.ContentTypeProtobuf:
		return event.DecodeProtobufBatch, nil
	}
	if given == "" && !isBrowser {
		return event.DecodeJSONBody, nil
	}
	mediaType, parameters, err := mime.ParseMediaType(given)
	if err != nil {
		return nil, otherContentType()
	}
	const form = "application/x-www-form-urlencoded"
	switch {
	case mediaType == event.ContentTypeJSON, mediaType == form && !isBrowser:
		if charset := parameters["charset"]; charset != "" && !isUTF8(charset) {
			return nil, newProblem(http.StatusUnsupportedMediaType, "the charset must be UTF-8")
		}
		return event.DecodeJSONBody, nil
	case mediaType == event.ContentTypeProtobuf, mediaType == "application/protobuf":
		switch parameters[parameterMessage] {
		case "", messageBatch:
			return event.DecodeProtobufBatch, nil
		case event.Schema:
			return event.DecodeProtobufSingle, nil
		}
		return nil, newProblem(http.StatusUnsupportedMediaType,
			"the message of the content type must be "+messageBatch+" or "+event.Schema)
	}
	return nil, otherContentType()
}

func otherContentType() *problem {
	return newProblem(http.StatusUnsupportedMediaType,
		"the content type must be "+event.ContentTypeJSON+" or "+event.ContentTypeProtobuf)
}

func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "us-ascii")
}
