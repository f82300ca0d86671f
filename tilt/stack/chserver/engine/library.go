package engine

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library holds the functions of libchdb in use, by the declarations of chdb.h.
// Every handle is an address of the library's memory.
type library struct {
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConnection   func(connection unsafe.Pointer)
	query             func(connection, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64, names, nameLens, values, valueLens unsafe.Pointer, count uint64) unsafe.Pointer
	streamQuery       func(connection, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64, names, nameLens, values, valueLens unsafe.Pointer, count uint64) unsafe.Pointer
	streamFetch       func(connection, stream unsafe.Pointer) unsafe.Pointer
	streamCancel      func(connection, stream unsafe.Pointer)
	insertStream      func(connection, sql unsafe.Pointer, sqlLen uint64, format unsafe.Pointer, formatLen uint64, names, nameLens, values, valueLens unsafe.Pointer, count uint64) unsafe.Pointer
	insertAppend      func(stream, data unsafe.Pointer, size uint64) int32
	insertDone        func(stream unsafe.Pointer) unsafe.Pointer
	insertCancel      func(stream unsafe.Pointer)
	insertError       func(stream unsafe.Pointer) string
	destroyInsert     func(stream unsafe.Pointer)
	resultBuffer      func(result unsafe.Pointer) unsafe.Pointer
	resultLength      func(result unsafe.Pointer) uint64
	resultRows        func(result unsafe.Pointer) uint64
	resultBytes       func(result unsafe.Pointer) uint64
	readRows          func(result unsafe.Pointer) uint64
	readBytes         func(result unsafe.Pointer) uint64
	writtenRows       func(result unsafe.Pointer) uint64
	writtenBytes      func(result unsafe.Pointer) uint64
	resultError       func(result unsafe.Pointer) string
	destroyResult     func(result unsafe.Pointer)
}

func (l *library) functions() map[string]any {
	return map[string]any{
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConnection,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_fetch_result":         &l.streamFetch,
		"chdb_stream_cancel_query":         &l.streamCancel,
		"chdb_stream_insert_with_params_n": &l.insertStream,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_rows_read":            &l.resultRows,
		"chdb_result_bytes_read":           &l.resultBytes,
		"chdb_result_storage_rows_read":    &l.readRows,
		"chdb_result_storage_bytes_read":   &l.readBytes,
		"chdb_result_rows_written":         &l.writtenRows,
		"chdb_result_bytes_written":        &l.writtenBytes,
		"chdb_result_error":                &l.resultError,
		"chdb_destroy_query_result":        &l.destroyResult,
	}
}

// err returns the exception that a result stands for.
func (l *library) err(result unsafe.Pointer) error {
	if text := l.resultError(result); text != "" {
		return parseException(text)
	}
	return nil
}

// content returns the bytes of a result, which are the library's: they are
// valid until it is destroyed.
func (l *library) content(result unsafe.Pointer) []byte {
	size := l.resultLength(result)
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(l.resultBuffer(result)), size) //nolint:gosec // both are the library's word
}

// load opens the shared library at path and binds what is used of it.
func load(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", path, err)
	}
	l := &library{}
	for name, function := range l.functions() {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", path, err)
		}
		purego.RegisterFunc(function, address)
	}
	// The engine's handlers would replace the Go runtime's, which needs SIGSEGV
	// and SIGURG for itself.
	l.setSignalHandlers(0)
	return l, nil
}
