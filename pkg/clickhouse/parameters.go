package clickhouse

import (
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// native encodes the parameters as the protocol wants them: the value in the
// escaping of TabSeparated, and that as a quoted literal.
func (p Parameters) native() []proto.Parameter {
	encoded := make([]proto.Parameter, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		encoded = append(encoded, proto.Parameter{Key: name, Value: quote(escape(p[name]))})
	}
	return encoded
}

func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(value)
}

func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
