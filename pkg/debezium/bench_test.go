package debezium_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/nova-data/nova/pkg/debezium"
)

// post is what encoding/json fills in the comparison.
type post struct {
	ID         string  `json:"id"`
	UserID     string  `json:"user_id"`
	Caption    *string `json:"caption"`
	ImageKey   string  `json:"image_key"`
	Status     string  `json:"status"`
	SoftDelete *string `json:"soft_delete"`
	CreatedAt  string  `json:"created_at"`
	UpdatedAt  string  `json:"updated_at"`
}

type postEnvelope struct {
	Op     string `json:"op"`
	Before *post  `json:"before"`
	After  *post  `json:"after"`
	Source struct {
		Name      string `json:"name"`
		Table     string `json:"table"`
		Snapshot  string `json:"snapshot"`
		LSN       uint64 `json:"lsn"`
		Timestamp int64  `json:"ts_ms"`
	} `json:"source"`
}

// BenchmarkRecord decodes an update under REPLICA IDENTITY FULL and reads the
// columns of its new row, here and by encoding/json into structs.
func BenchmarkRecord(b *testing.B) {
	bare, err := os.ReadFile("testdata/records/update_full.json")
	if err != nil {
		b.Fatal(err)
	}
	long := []byte(`{"schema":{"fields":[` + strings.Repeat(`{"type":"string","optional":false,"field":"some_name"},`, 70) + schema + `]},"payload":` + string(bare) + `}`)
	for name, value := range map[string][]byte{"bare": bare, "wrapped": long} {
		b.Run(name+"/debezium", func(b *testing.B) {
			var e debezium.Envelope
			var scratch []byte
			measure(b, value, func() error { return readPost(&e, value, &scratch) })
		})
		b.Run(name+"/encoding_json", func(b *testing.B) {
			measure(b, value, func() error {
				var e struct {
					Payload postEnvelope `json:"payload"`
				}
				if name == "bare" {
					return json.Unmarshal(value, &e.Payload)
				}
				return json.Unmarshal(value, &e)
			})
		})
	}
}

func measure(b *testing.B, value []byte, decode func() error) {
	b.Helper()
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(); err != nil {
			b.Fatal(err)
		}
	}
}

func readPost(e *debezium.Envelope, value []byte, scratch *[]byte) error {
	if err := e.Decode(value); err != nil {
		return err
	}
	for _, column := range e.After {
		var err error
		switch {
		case column.IsNull():
		case strings.HasSuffix(string(column.Name), "id"):
			_, err = column.UUID()
		case strings.HasSuffix(string(column.Name), "_at"):
			_, err = column.Timestamptz()
		default:
			_, err = column.Text(scratch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
