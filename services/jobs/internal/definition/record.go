package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/debezium"
)

// Change is what a record says of one job.
type Change struct {
	Name string
	// Definition is nil when the job is removed.
	Definition *Definition
}

// Decoder reads records of cdc.job_definitions. The zero Decoder is ready.
type Decoder struct {
	envelope debezium.Envelope
	scratch  []byte
}

// errTruncate is why a truncate changes nothing: it names no row, and comes in
// any partition.
var errTruncate = errors.New("the table was truncated, which removes no job: delete the rows")

// Decode reads a record. isChange is false for one that is about no row.
func (d *Decoder) Decode(key, value []byte) (change Change, isChange bool, err error) {
	if err := d.envelope.Decode(value); err != nil {
		return Change{}, false, fmt.Errorf("decoding a job definition: %w", err)
	}
	switch d.envelope.Kind {
	case debezium.KindTombstone:
		change.Name, err = nameOfKey(key)
	case debezium.KindTruncate:
		err = errTruncate
	case debezium.KindChange:
		change, err = d.change(key)
	default:
		return Change{}, false, nil
	}
	if err != nil {
		return Change{}, false, fmt.Errorf("decoding a job definition: %w", err)
	}
	return change, true, nil
}

func (d *Decoder) change(key []byte) (Change, error) {
	if d.envelope.Op == debezium.Delete {
		name, err := d.text(d.envelope.Before, "name")
		if err != nil {
			name, err = nameOfKey(key)
		}
		return Change{Name: name}, err
	}
	definition, err := d.row(d.envelope.After)
	return Change{Name: definition.Name, Definition: &definition}, err
}

// row reads a row; a column that has a default in PostgreSQL may be missing.
func (d *Decoder) row(row debezium.Row) (Definition, error) {
	var problems [6]error
	var r Definition
	r.Name, problems[0] = d.text(row, "name")
	r.Kind, problems[1] = d.text(row, "kind")
	r.Schedule, problems[2] = d.text(row, "schedule")
	r.Params, problems[3] = d.params(row)
	r.UpdatedAt, problems[4] = d.optional(row, "updated_at", "")
	r.Enabled = true
	if value, found := row.Find("enabled"); found {
		r.Enabled, problems[5] = value.Bool()
	}
	return r, errors.Join(problems[:]...)
}

// text reads a column that must be there.
func (d *Decoder) text(row debezium.Row, column string) (string, error) {
	value, found := row.Find(column)
	if !found {
		return "", fmt.Errorf("column %s is missing", column)
	}
	text, err := value.Text(&d.scratch)
	if err != nil {
		return "", fmt.Errorf("column %s: %w", column, err)
	}
	return string(text), nil
}

// optional reads a column that may be absent or null.
func (d *Decoder) optional(row debezium.Row, column, otherwise string) (string, error) {
	if value, found := row.Find(column); !found || value.IsNull() {
		return otherwise, nil
	}
	return d.text(row, column)
}

// params reads the parameters: jsonb comes as a string, and JSON itself is what
// a person writes by hand.
func (d *Decoder) params(row debezium.Row) (string, error) {
	if value, found := row.Find("params"); found && len(value.Raw) > 0 && value.Raw[0] == '{' {
		return string(value.Raw), nil
	}
	return d.optional(row, "params", emptyParams)
}

// nameOfKey reads {"name":"…"}, with or without the {"schema","payload"} wrapper.
func nameOfKey(key []byte) (string, error) {
	type named struct {
		Name *string `json:"name"`
	}
	var k struct {
		named
		Payload *named `json:"payload"`
	}
	decoder := json.NewDecoder(bytes.NewReader(key))
	if err := decoder.Decode(&k); err != nil {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	switch {
	case k.Payload != nil && k.Payload.Name != nil:
		return *k.Payload.Name, nil
	case k.Name != nil:
		return *k.Name, nil
	}
	return "", errors.New("the key has no name")
}
