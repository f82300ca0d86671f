package api

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
)

// keptBytes is the largest buffer that is kept for the next body: a slow one of a
// byte would hold it, and count as a byte.
const keptBytes = 64 << 10

// firstBytes is how much of a body is read at first: that of a few events.
const firstBytes = 16 << 10

// Why a body is not taken, beside what reading it says.
var (
	errLarge    = errors.New("the body is larger than the limit")
	errBusy     = errors.New("too many bytes are in hand")
	errTrailing = errors.New("something follows the gzip member")
	errCut      = errors.New("the gzip member is not whole")
)

// receiver reads bodies into memory that it lends.
type receiver struct {
	limit     int64
	gate      *gate
	buffers   sync.Pool // of *[]byte
	inflaters sync.Pool // of *inflater
}

func newReceiver(limit int64, gate *gate) *receiver {
	return &receiver{
		limit:     limit,
		gate:      gate,
		buffers:   sync.Pool{New: func() any { return new([]byte) }},
		inflaters: sync.Pool{New: func() any { return &inflater{buffered: bufio.NewReader(nil)} }},
	}
}

// receive calls use with the body, decompressed, which is use's until it returns.
// The bytes taken of the gate are the exchange's.
func (v *receiver) receive(x *exchange, isGzip bool, use func(body []byte) *problem) *problem {
	buffer, _ := v.buffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keptBytes {
			v.buffers.Put(buffer)
		}
	}()
	var err error
	*buffer, err = v.read(x, isGzip, (*buffer)[:0])
	if err != nil {
		return v.refusal(err)
	}
	return use(*buffer)
}

func (v *receiver) read(x *exchange, isGzip bool, buffer []byte) ([]byte, error) {
	if x.r.ContentLength > v.limit {
		return buffer, errLarge
	}
	sent := http.MaxBytesReader(x.w, x.r.Body, v.limit)
	if !isGzip {
		return v.fill(x, buffer, sent)
	}
	inflater, _ := v.inflaters.Get().(*inflater)
	defer func() {
		inflater.buffered.Reset(nil) // or it would hold the connection
		v.inflaters.Put(inflater)
	}()
	if err := inflater.begin(sent); err != nil {
		return buffer, err
	}
	buffer, err := v.fill(x, buffer, inflater)
	if err != nil {
		return buffer, err
	}
	return buffer, inflater.end()
}

// fill appends all of source to buffer, unless that is more than may be taken.
func (v *receiver) fill(x *exchange, buffer []byte, source io.Reader) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = slices.Grow(buffer, firstBytes)
		}
		n, err := source.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case int64(len(buffer)) > v.limit:
			return buffer, errLarge
		case !v.gate.take(int64(n)):
			return buffer, errBusy
		}
		x.taken += int64(n)
		switch {
		case err == io.EOF:
			return buffer, nil
		case err != nil:
			return buffer, err
		}
	}
}

// refusal is the answer to a body that could not be read.
func (v *receiver) refusal(err error) *problem {
	var large *http.MaxBytesError
	var damaged flate.CorruptInputError
	switch {
	case errors.As(err, &large), errors.Is(err, errLarge):
		return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body must have at most %d bytes, decompressed too", v.limit))
	case errors.Is(err, errBusy):
		return tooMany("too many bytes are in hand: send the identical body again")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "the body did not arrive in time").with("Connection", "close")
	case errors.Is(err, errTrailing):
		return newProblem(http.StatusBadRequest, "the body must be one gzip member with nothing behind it")
	case errors.Is(err, errCut):
		return newProblem(http.StatusBadRequest, "the gzip body must not end before it is whole")
	case errors.Is(err, gzip.ErrHeader):
		return newProblem(http.StatusBadRequest, "the body must be gzip, as its Content-Encoding says")
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, &damaged):
		return newProblem(http.StatusBadRequest, "the gzip body must not be damaged: it does not decompress to what its checksum says")
	default:
		return newProblem(http.StatusBadRequest, "the body could not be read to its end")
	}
}

// inflater reads one gzip member (RFC 1952), and sees what follows it.
type inflater struct {
	buffered *bufio.Reader
	gzip     gzip.Reader
}

func (i *inflater) begin(source io.Reader) error {
	i.buffered.Reset(source)
	if err := i.gzip.Reset(i.buffered); err != nil {
		return cut(err)
	}
	i.gzip.Multistream(false)
	return nil
}

// Read implements io.Reader.
func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.gzip.Read(p)
	if err == io.EOF { //nolint:errorlint // a Reader's contract: it is never wrapped
		return n, err
	}
	return n, cut(err)
}

// end is nil when nothing follows the member.
func (i *inflater) end() error {
	_, err := i.buffered.ReadByte()
	switch {
	case err == nil:
		return errTrailing
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// cut tells an end that came too soon, whichever of both errors says so.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}
