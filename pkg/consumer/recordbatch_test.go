package consumer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
)

var at = time.UnixMilli(1_700_000_000_123)

func testRecord(offset int64, value string) kafkatest.Record {
	return kafkatest.Record{Offset: offset, Key: []byte("k"), Value: []byte(value), Time: at}
}

// values returns what was decoded as offset=value.
func values(c chunk) []string {
	var all []string
	for _, r := range c.records {
		all = append(all, fmt.Sprintf("%d=%s", r.Offset, r.Value))
	}
	return all
}

func decodeAll(data []byte, position int64, aborted ...abortedTransaction) (chunk, error) {
	return newBatchDecoder("cdc.posts", 3).decode(data, position, aborted)
}

// compressor returns a function that compresses as producers do.
func compressor(tb testing.TB, codec compress.Compression) func([]byte) []byte {
	tb.Helper()
	return func(plain []byte) []byte {
		var out bytes.Buffer
		w := codec.Codec().NewWriter(&out)
		_, err := w.Write(plain)
		require.NoError(tb, err)
		require.NoError(tb, w.Close())
		return out.Bytes()
	}
}

// reseal makes a batch's checksum right after a change, so that only the change
// is wrong.
func reseal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[crcOffset:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// Every codec gives the records back whole.
func TestDecodeReadsEveryCodec(t *testing.T) {
	large := strings.Repeat("compressible ", 50_000)
	for codec := compress.None; codec <= compress.Zstd; codec++ {
		t.Run(codec.String(), func(t *testing.T) {
			batch := kafkatest.Batch{First: 5, Last: 6, Codec: int16(codec), Records: []kafkatest.Record{
				{Offset: 5, Key: nil, Value: []byte(large), Time: at},
				{Offset: 6, Key: []byte{}, Value: nil, Time: at.Add(time.Second), Headers: []kafkatest.Header{
					{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}},
				}},
			}}
			if codec != compress.None {
				batch.Compress = compressor(t, codec)
			}
			c, err := decodeAll(batch.Encode(), 5)
			require.NoError(t, err)
			assert.Equal(t, chunk{partition: 3, next: 7, records: []Record{
				{Topic: "cdc.posts", Partition: 3, Offset: 5, Value: []byte(large), Time: at},
				{Topic: "cdc.posts", Partition: 3, Offset: 6, Key: []byte{}, Time: at.Add(time.Second), Headers: []Header{
					{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}},
				}},
			}}, c)
		})
	}
}

// A topic with the broker's timestamps gives each record that of its batch.
func TestDecodeTakesLogAppendTime(t *testing.T) {
	second := testRecord(1, "b")
	second.Time = at.Add(time.Minute)
	batch := kafkatest.Batch{
		First: 0, Last: 1, Records: []kafkatest.Record{testRecord(0, "a"), second},
		Damage: func(b []byte) { b[22] |= logAppendTimeBit; reseal(b) },
	}
	c, err := decodeAll(batch.Encode(), 0)
	require.NoError(t, err)
	for _, r := range c.records {
		assert.Equal(t, at.Add(time.Minute), r.Time)
	}
}

// Where to go on follows from the batches, not from the records in them: what
// lies before the position is left out, and what compaction took is passed.
func TestDecodePositions(t *testing.T) {
	first := kafkatest.Batch{First: 10, Last: 19, Records: []kafkatest.Record{
		testRecord(12, "a"), testRecord(15, "b"), testRecord(17, "c"),
	}}.Encode()
	empty := kafkatest.Batch{First: 20, Last: 29}.Encode()
	gap := kafkatest.Batch{First: 40, Last: 40, Records: []kafkatest.Record{testRecord(40, "d")}}.Encode()
	for name, test := range map[string]struct {
		data     [][]byte
		position int64
		want     []string
		next     int64
	}{
		"nothing":             {nil, 7, nil, 7},
		"whole":               {[][]byte{first}, 10, []string{"12=a", "15=b", "17=c"}, 20},
		"from the middle":     {[][]byte{first}, 15, []string{"15=b", "17=c"}, 20},
		"behind the last":     {[][]byte{first}, 18, nil, 20},
		"empty":               {[][]byte{empty}, 20, nil, 30},
		"inside of an empty":  {[][]byte{empty}, 25, nil, 30},
		"gap":                 {[][]byte{gap}, 30, []string{"40=d"}, 41},
		"several":             {[][]byte{first, empty, gap}, 17, []string{"17=c", "40=d"}, 41},
		"batch before":        {[][]byte{first, gap}, 40, []string{"40=d"}, 41},
		"cut off":             {[][]byte{first, gap[:len(gap)-1]}, 10, []string{"12=a", "15=b", "17=c"}, 20},
		"cut off in the size": {[][]byte{first, gap[:9]}, 10, []string{"12=a", "15=b", "17=c"}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := decodeAll(bytes.Join(test.data, nil), test.position)
			require.NoError(t, err)
			assert.Equal(t, test.want, values(c))
			assert.Equal(t, test.next, c.next)
		})
	}
}

// What cannot be read is an error, never a shorter batch: a record is lost as
// soon as the position moves past it.
func TestDecodeRefusesDamage(t *testing.T) {
	intact := kafkatest.Batch{First: 0, Last: 2, Records: []kafkatest.Record{
		testRecord(0, "a"), testRecord(1, "b"), testRecord(2, "c"),
	}}.Encode
	change := func(at int, value byte) []byte {
		b := intact()
		b[at] = value
		return reseal(b)
	}
	broken := intact()
	broken[len(broken)-1] ^= 1
	short := intact()
	for name, test := range map[string]struct {
		data []byte
		text string
	}{
		"checksum":          {broken, "checksum"},
		"more records":      {change(60, 4), "cannot hold 4 records"},
		"far more records":  {change(58, 4), "cannot hold"},
		"fewer records":     {change(60, 2), "bytes follow the last record"},
		"old format":        {change(16, 1), "message format 1 is not supported"},
		"unknown codec":     {change(22, 6), "codec 6 is unknown"},
		"wrong codec":       {change(22, 4), "decompressing zstd"},
		"offset outside":    {change(26, 1), "lies outside of 0 to 1"},
		"cut off":           {short[:len(short)-1], "ends too early"},
		"cut off in header": {short[:8], "ends too early"},
		"tiny":              {[]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, "too short"},
		"negative count":    {change(57, 0x80), "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := decodeAll(test.data, 0)
			require.ErrorContains(t, err, test.text)
			require.ErrorContains(t, err, "reading the batch at offset 0")
			assert.Empty(t, c.records)
		})
	}
}

// What precedes damage is delivered first; the damage is met by the next fetch.
func TestDecodeDeliversWhatPrecedesDamage(t *testing.T) {
	good := kafkatest.Batch{First: 0, Last: 0, Records: []kafkatest.Record{testRecord(0, "a")}}.Encode()
	bad := kafkatest.Batch{First: 1, Last: 1, Records: []kafkatest.Record{testRecord(1, "b")}}.Encode()
	bad[len(bad)-1] ^= 1
	c, err := decodeAll(append(good, bad...), 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"0=a"}, values(c))
	assert.Equal(t, int64(1), c.next)
	_, err = decodeAll(bad, c.next)
	require.ErrorContains(t, err, "checksum")
}

// A producer's records are void from the start of its aborted transaction to its
// abort marker, those of others and of its next transaction are not.
func TestDecodeLeavesAbortedTransactionsOut(t *testing.T) {
	transactional := func(producer, offset int64, value string) []byte {
		return kafkatest.Batch{
			First: offset, Last: offset, ProducerID: producer, Transactional: true,
			Records: []kafkatest.Record{testRecord(offset, value)},
		}.Encode()
	}
	marker := func(producer, offset int64, kind byte) []byte {
		return kafkatest.Batch{
			First: offset, Last: offset, ProducerID: producer, Transactional: true, Control: true,
			Records: []kafkatest.Record{{Offset: offset, Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 0}, Time: at}},
		}.Encode()
	}
	const abort, commit = 0, 1
	data := bytes.Join([][]byte{
		transactional(1, 0, "void"),
		transactional(2, 1, "kept"),
		marker(2, 2, commit),
		transactional(1, 3, "void"),
		marker(1, 4, abort),
		transactional(1, 5, "kept"),
		marker(1, 6, commit),
		kafkatest.Batch{First: 7, Last: 7, ProducerID: 1, Records: []kafkatest.Record{testRecord(7, "plain")}}.Encode(),
		transactional(2, 8, "void"),
		kafkatest.Batch{First: 9, Last: 9, ProducerID: 2, Transactional: true, Control: true}.Encode(),
	}, nil)
	c, err := decodeAll(data, 0, abortedTransaction{2, 8}, abortedTransaction{1, 0})
	require.NoError(t, err)
	assert.Equal(t, []string{"1=kept", "5=kept", "7=plain"}, values(c))
	assert.Equal(t, 3, c.aborted)
	assert.Equal(t, int64(10), c.next)
}

// Whatever bytes come, decoding ends in an error or in records between the
// position and where it goes on.
func FuzzDecodeBatches(f *testing.F) {
	record := testRecord(3, "value")
	record.Headers = []kafkatest.Header{{Key: "h", Value: []byte("v")}}
	for codec := compress.None; codec <= compress.Zstd; codec++ {
		batch := kafkatest.Batch{First: 0, Last: 9, Codec: int16(codec), Records: []kafkatest.Record{record}}
		if codec != compress.None {
			batch.Compress = compressor(f, codec)
		}
		f.Add(batch.Encode(), int64(2), true)
	}
	f.Add(kafkatest.Batch{First: 0, Last: 0, Control: true, Records: []kafkatest.Record{record}}.Encode(), int64(0), true)
	f.Add(kafkatest.Batch{First: 1 << 60, Last: 1<<60 + 5}.Encode(), int64(0), true)
	f.Fuzz(func(t *testing.T, data []byte, position int64, sealed bool) {
		if sealed && len(data) > crcOffset {
			reseal(data)
		}
		if position < 0 {
			return
		}
		c, err := decodeAll(data, position, abortedTransaction{0, 0})
		if err != nil {
			require.Empty(t, c.records)
			return
		}
		require.GreaterOrEqual(t, c.next, position)
		for _, r := range c.records {
			require.GreaterOrEqual(t, r.Offset, position)
			require.Less(t, r.Offset, c.next)
		}
	})
}
