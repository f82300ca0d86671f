package dedup

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Claim is one record's wish to be the one that is stored of its event.
type Claim struct {
	// EventID and TimeMS, in milliseconds since 1970, identify the event.
	EventID uuid.UUID
	TimeMS  int64
	// Topic, Partition and Offset are where the record lies.
	Topic     string
	Partition int
	Offset    int64
	// PayloadHash is a hash of what the record says.
	PayloadHash uint64
	// Origin is set for a redriven record: the topic/partition/offset of the dead
	// record that it is a copy of, from which it takes the event over. After more
	// than one redrive it names all of them, separated by commas: which of them
	// got as far as to claim is not known.
	Origin string
	// TTL is how long the claim stands, rounded up to seconds; 0 means Config.TTL.
	TTL time.Duration
}

// Key returns the event's key in Redis, event_idempotency:<event id>:<time in ms>.
func (c *Claim) Key() string { return string(c.appendKey(nil)) }

// Value returns what the claim is stored as, its holder:
// <topic>/<partition>/<offset>/<payload hash in hex>.
func (c *Claim) Value() string { return string(c.appendValue(nil)) }

func (c *Claim) coordinates() string { return string(c.appendCoordinates(nil)) }

func (c *Claim) appendKey(dst []byte) []byte {
	dst = append(dst, "event_idempotency:"...)
	id := &c.EventID
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	dst = append(dst, ':')
	return strconv.AppendInt(dst, c.TimeMS, 10)
}

func (c *Claim) appendCoordinates(dst []byte) []byte {
	dst = append(dst, c.Topic...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(c.Partition), 10)
	dst = append(dst, '/')
	return strconv.AppendInt(dst, c.Offset, 10)
}

func (c *Claim) appendValue(dst []byte) []byte {
	dst = append(c.appendCoordinates(dst), '/')
	return strconv.AppendUint(dst, c.PayloadHash, 16)
}

// cutHash splits a value into coordinates and hash.
func cutHash(value string) (coordinates, hash string) {
	at := strings.LastIndexByte(value, '/')
	if at < 0 {
		return value, ""
	}
	return value[:at], value[at+1:]
}
