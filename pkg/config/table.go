package config

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the variables of cfg, a pointer to a Config, as a Markdown
// table in declaration order: the one in a service's README.
func WriteTable(w io.Writer, cfg any) error {
	root, err := structOf(cfg)
	if err != nil {
		return err
	}
	var table strings.Builder
	table.WriteString("| Variable | Type | Default | Description |\n|---|---|---|---|\n")
	err = walk(root, func(leaf leaf) {
		def := leaf.Default
		switch {
		case leaf.Required:
			def = "required"
		case def != "":
			def = "`" + def + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", leaf.Variable, typeName(leaf.field.Type), def, cell(leaf.Description))
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, table.String())
	return err
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
