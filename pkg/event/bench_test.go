package event_test

import (
	"testing"

	"github.com/nova-data/nova/pkg/event"
)

func BenchmarkDecodeJSON(b *testing.B) {
	record := []byte(whole)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	var e event.Event
	for b.Loop() {
		if err := event.DecodeJSON(record, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeProtobuf(b *testing.B) {
	e := wholeEvent()
	record := e.AppendProtobuf(nil)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if err := event.DecodeProtobuf(record, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendProtobuf(b *testing.B) {
	e := wholeEvent()
	record := e.AppendProtobuf(nil)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		record = e.AppendProtobuf(record[:0])
	}
}
