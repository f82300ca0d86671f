package engine

import "strings"

var (
	stringEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`)
	nameEscapes   = strings.NewReplacer(`\`, `\\`, "`", "\\`")
)

// Quote returns s as a string literal of ClickHouse's SQL.
func Quote(s string) string { return "'" + stringEscapes.Replace(s) + "'" }

// QuoteName returns name as a quoted identifier of ClickHouse's SQL.
func QuoteName(name string) string { return "`" + nameEscapes.Replace(name) + "`" }
