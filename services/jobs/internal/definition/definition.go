package definition

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/nova-data/nova/pkg/debezium"
)

// Definition is one row of job_definitions.
type Definition struct {
	Name     string
	Kind     string
	Schedule string
	Enabled  bool
	// Params is JSON, as far as its writer kept to that.
	Params string
	// UpdatedAt is when the row was written, in the writer's words, or the file that
	// does not say so.
	UpdatedAt string
}

// emptyParams are those of a definition that has none.
const emptyParams = "{}"

// Tick is the name of the run that a definition gets when it comes into force:
// eight hexadecimal digits that every other definition, and the same one written
// again, has differently.
func (d Definition) Tick() string {
	hash := sha256.New()
	for _, field := range []string{d.Name, d.Kind, d.Schedule, strconv.FormatBool(d.Enabled), d.Params, d.UpdatedAt} {
		hash.Write(strconv.AppendQuote(nil, field)) // quoted, so that no two lists of fields read the same
	}
	return "def-" + hex.EncodeToString(hash.Sum(nil)[:4])
}

// CheckName returns what is wrong with a name, which becomes a part of keys and
// metrics: the rule is that of PostgreSQL's table.
func CheckName(name string) error {
	isValid := len(name) >= 1 && len(name) <= 63
	for i := range len(name) {
		c := name[i]
		isWord := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		isValid = isValid && (isWord || i > 0 && (c == '_' || c == '-'))
	}
	if !isValid {
		return errors.New("must be 1 to 63 of a-z, 0-9, _ and -, and begin with a letter or digit")
	}
	return nil
}

// IsUnknown tells that PostgreSQL did not send the parameters because they are
// large and have not changed.
func (d Definition) IsUnknown() bool { return d.Params == debezium.Unavailable }

// ParamsJSON is the parameters for showing: as they are if they are JSON, else
// as a JSON string.
func (d Definition) ParamsJSON() json.RawMessage {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(d.Params)); err == nil {
		return compact.Bytes()
	}
	quoted, _ := json.Marshal(d.Params) // a string has nothing that could fail
	return quoted
}
