package consumer

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

const (
	// batchPrefix is what precedes the bytes that a batch's length counts.
	batchPrefix = 12
	batchHeader = 61
	batchMagic  = 2
	// crcOffset is where the checksummed bytes begin.
	crcOffset = 21
	// minRecord is the size of the smallest record.
	minRecord = 7

	codecBits         = 0x07
	logAppendTimeBit  = 1 << 3
	transactionalBit  = 1 << 4
	controlBit        = 1 << 5
	abortMarker       = 0
	maxHeaderNames    = 64
	maxPreallocated   = 1 << 14
	maxDecompressed   = 256 << 20
	decompressionRate = 4
)

// chunk is what one fetch brought of one partition.
type chunk struct {
	partition int
	// from is the offset that was asked for.
	from    int64
	records []Record
	// next is the offset to go on from, which may be more than one past the last
	// record: control records and compacted ones lie between.
	next int64
	// aborted counts the records left out with their transaction.
	aborted int
}

// batchDecoder reads the record batches of one partition.
type batchDecoder struct {
	topic     string
	partition int
	castagn   *crc32.Table
	names     map[string]string
	scratch   *scratch
}

func newBatchDecoder(topic string, partition int) *batchDecoder {
	return &batchDecoder{
		topic:     topic,
		partition: partition,
		castagn:   crc32.MakeTable(crc32.Castagnoli),
		names:     map[string]string{},
		scratch:   &scratch{},
	}
}

// batchInfo is the header of a batch.
type batchInfo struct {
	first, last   int64
	crc           uint32
	attributes    int16
	firstTime     int64
	maxTime       int64
	producerID    int64
	recordCount   int
	checked, body []byte
}

func (b batchInfo) control() bool       { return b.attributes&controlBit != 0 }
func (b batchInfo) transactional() bool { return b.attributes&transactionalBit != 0 }

// decode reads the batches in data, of which the last may be cut off, into the
// records from position on. The records share memory with data unless it is
// compressed.
//
// An error is about the first batch that cannot be read; what precedes it is
// returned without one, so that the error comes with the next fetch.
func (d *batchDecoder) decode(data []byte, position int64, aborted []abortedTransaction) (chunk, error) {
	c := chunk{partition: d.partition, next: position, records: make([]Record, 0, announced(data, position))}
	filter := newTransactionFilter(aborted)
	for len(data) > 0 {
		b, size, err := readBatchHeader(data)
		if errors.Is(err, errShort) && c.next > position {
			break
		}
		if err == nil && b.last >= c.next {
			err = d.decodeBatch(&c, b, filter)
		}
		if err != nil {
			if c.next > position {
				return c, nil
			}
			return chunk{}, fmt.Errorf("reading the batch at offset %d: %w", c.next, err)
		}
		data = data[size:]
		c.next = max(c.next, b.last+1)
	}
	return c, nil
}

// announced returns how many records the batches from position on say to hold,
// within reason: nothing is checked yet.
func announced(data []byte, position int64) int {
	total := 0
	for len(data) > 0 && total < maxPreallocated {
		b, size, err := readBatchHeader(data)
		if err != nil {
			break
		}
		if b.last >= position && !b.control() {
			total += b.recordCount
		}
		data = data[size:]
	}
	return min(total, maxPreallocated)
}

func readBatchHeader(data []byte) (b batchInfo, size int, err error) {
	r := &reader{data: data}
	b.first = r.int64()
	length := int(r.int32())
	if r.failed || length > len(r.data) {
		return b, 0, errShort
	}
	if length < batchHeader-batchPrefix {
		return b, 0, fmt.Errorf("batch of %d bytes is too short, or of a message format before Kafka 0.11", length)
	}
	size = batchPrefix + length
	r.data = r.data[:length]
	r.int32() // leader epoch
	if magic := r.int8(); magic != batchMagic {
		return b, 0, fmt.Errorf("message format %d is not supported", magic)
	}
	b.crc = uint32(r.int32())
	b.checked = r.data
	b.attributes = r.int16()
	lastDelta := r.int32()
	b.last = b.first + int64(lastDelta)
	b.firstTime, b.maxTime = r.int64(), r.int64()
	b.producerID = r.int64()
	r.int16() // producer epoch
	r.int32() // sequence
	b.recordCount = int(r.int32())
	b.body = r.data
	if b.first < 0 || lastDelta < 0 || b.recordCount < 0 {
		return b, 0, errors.New("batch header holds a negative count")
	}
	return b, size, r.err()
}

func (d *batchDecoder) decodeBatch(c *chunk, b batchInfo, filter *transactionFilter) error {
	if sum := crc32.Checksum(b.checked, d.castagn); sum != b.crc {
		return fmt.Errorf("checksum is %08x and should be %08x", sum, b.crc)
	}
	filter.advance(b.last)
	if b.control() {
		return filter.control(b)
	}
	if b.transactional() && filter.void(b.producerID) {
		c.aborted += b.recordCount
		return nil
	}
	if b.recordCount == 0 {
		return nil
	}
	body, err := d.scratch.decompress(b.body, b.attributes&codecBits)
	if err != nil {
		return err
	}
	return d.decodeRecords(c, b, body)
}

// decodeRecords appends the records from c.next on. On an error c is as before.
func (d *batchDecoder) decodeRecords(c *chunk, b batchInfo, body []byte) error {
	if b.recordCount > len(body)/minRecord {
		return fmt.Errorf("%d bytes cannot hold %d records", len(body), b.recordCount)
	}
	before := len(c.records)
	c.records = slices.Grow(c.records, b.recordCount)
	r := &reader{data: body}
	for i := range b.recordCount {
		record, err := d.decodeRecord(r, b)
		if err != nil {
			c.records = c.records[:before]
			return fmt.Errorf("reading record %d: %w", i, err)
		}
		if record.Offset >= c.next {
			c.records = append(c.records, record)
		}
	}
	if len(r.data) > 0 {
		c.records = c.records[:before]
		return fmt.Errorf("%d bytes follow the last record", len(r.data))
	}
	return nil
}

func (d *batchDecoder) decodeRecord(r *reader, b batchInfo) (Record, error) {
	fields := &reader{data: r.varbytes()}
	if r.failed {
		return Record{}, errShort
	}
	fields.int8() // attributes
	timestamp := b.firstTime + fields.varint()
	if b.attributes&logAppendTimeBit != 0 {
		timestamp = b.maxTime
	}
	offset := b.first + fields.varint()
	record := Record{
		Topic:     d.topic,
		Partition: d.partition,
		Offset:    offset,
		Key:       fields.varbytes(),
		Value:     fields.varbytes(),
		Time:      time.UnixMilli(timestamp),
	}
	record.Headers = d.decodeHeaders(fields)
	if err := fields.err(); err != nil {
		return Record{}, err
	}
	if offset < b.first || offset > b.last {
		return Record{}, fmt.Errorf("offset %d lies outside of %d to %d", offset, b.first, b.last)
	}
	return record, nil
}

func (d *batchDecoder) decodeHeaders(r *reader) []Header {
	count := r.varint()
	if count <= 0 || count > int64(len(r.data)/2) {
		r.failed = r.failed || count != 0
		return nil
	}
	headers := make([]Header, 0, count)
	for range count {
		name := d.intern(r.varbytes())
		headers = append(headers, Header{Key: name, Value: r.varbytes()})
	}
	return headers
}

// intern returns the text of name without allocating for names seen before.
func (d *batchDecoder) intern(name []byte) string {
	if known, ok := d.names[string(name)]; ok {
		return known
	}
	text := string(name)
	if len(d.names) < maxHeaderNames {
		d.names[text] = text
	}
	return text
}
