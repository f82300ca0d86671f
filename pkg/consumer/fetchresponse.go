package consumer

import (
	"fmt"

	"github.com/segmentio/kafka-go"
)

// The versions of a fetch response that are understood: from the first with
// record batches and transactions to the last that kafka-go asks for.
const (
	minFetchVersion = 4
	maxFetchVersion = 11
)

// fetchedPartition is the answer to a fetch for one partition.
type fetchedPartition struct {
	code          kafka.Error
	highWatermark int64
	aborted       []abortedTransaction
	batches       []byte
}

// abortedTransaction says that the records of a producer are void from an
// offset up to its next control record.
type abortedTransaction struct {
	producerID  int64
	firstOffset int64
}

// parseFetchResponse reads an answer that holds exactly one partition. The
// result shares memory with data.
func parseFetchResponse(data []byte, version int16) (fetchedPartition, error) {
	if version < minFetchVersion || version > maxFetchVersion {
		return fetchedPartition{}, fmt.Errorf("fetch version %d is not supported: Kafka 0.11 or newer is needed", version)
	}
	r := &reader{data: data}
	r.int32() // throttle time
	if version >= 7 {
		code := kafka.Error(r.int16())
		r.int32() // session
		if code != 0 {
			return fetchedPartition{code: code}, r.err()
		}
	}
	if topics := r.int32(); topics != 1 {
		return fetchedPartition{}, fmt.Errorf("fetch answer holds %d topics, not one", topics)
	}
	r.take(int(r.int16())) // topic
	if partitions := r.int32(); partitions != 1 {
		return fetchedPartition{}, fmt.Errorf("fetch answer holds %d partitions, not one", partitions)
	}
	p := parseFetchedPartition(r, version)
	return p, r.err()
}

func parseFetchedPartition(r *reader, version int16) fetchedPartition {
	var p fetchedPartition
	r.int32() // partition
	p.code = kafka.Error(r.int16())
	p.highWatermark = r.int64()
	r.int64() // last stable offset
	if version >= 5 {
		r.int64() // log start
	}
	aborted := r.count(16)
	for range aborted {
		p.aborted = append(p.aborted, abortedTransaction{producerID: r.int64(), firstOffset: r.int64()})
	}
	if version >= 11 {
		r.int32() // preferred replica
	}
	if size := r.int32(); size > 0 {
		p.batches = r.take(int(size))
	}
	return p
}
