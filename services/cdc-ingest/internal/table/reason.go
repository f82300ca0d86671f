package table

import (
	"errors"

	"github.com/nova-data/nova/pkg/debezium"
)

// What keeps a well-formed envelope from becoming a row, beside what package
// debezium reports.
var (
	ErrTable    = errors.New("a change of another table")
	ErrKey      = errors.New("no usable primary key")
	ErrIdentity = errors.New("the table's replica identity does not carry what its views are keyed by")
	ErrToast    = errors.New("unchanged large value that the record does not carry")
	ErrMissing  = errors.New("column is missing")
)

// Reason is why a change could not be stored, in a word fit for a label.
type Reason string

// ReasonOf returns the reason of an error of Append or of package debezium.
func ReasonOf(err error) Reason {
	known := []struct {
		err    error
		reason Reason
	}{
		{debezium.ErrSyntax, "malformed"},
		{debezium.ErrEnvelope, "envelope"},
		{debezium.ErrFlattened, "flattened"},
		{debezium.ErrPosition, "position"},
		{ErrTable, "table"},
		{ErrKey, "key"},
		{ErrIdentity, "replica_identity"},
		{ErrToast, "unchanged_toast"},
		{ErrMissing, "missing_column"},
		{debezium.ErrValue, "value"},
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.reason
		}
	}
	return "unknown"
}
