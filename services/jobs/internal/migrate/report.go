package migrate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer/topics"
)

// report is a command's result.
type report struct {
	// InStep is whether nothing is left to do.
	InStep bool        `json:"in_step"`
	Schema schema.Plan `json:"schema"`
	Topics topics.Plan `json:"topics"`
}

func newReport(schemaPlan schema.Plan, topicsPlan topics.Plan) report {
	r := report{Schema: schemaPlan, Topics: topicsPlan}
	r.InStep = len(schemaPlan.Steps) == 0 && len(topicsPlan.Steps) == 0 && !r.hasDrift()
	return r
}

func (r report) hasDrift() bool { return len(r.Schema.Drift) > 0 || len(r.Topics.Drift) > 0 }

func (r report) write(deps Deps) error {
	if deps.JSON {
		encoder := json.NewEncoder(deps.Output)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	_, err := io.WriteString(deps.Output, r.text(deps.Command))
	return err
}

func (r report) text(command Command) string {
	var text strings.Builder
	verb := "to do"
	if command == Apply && r.InStep {
		verb = "done"
	}
	fmt.Fprintf(&text, "ClickHouse schema: version %d of %d\n", r.version(), schema.Latest())
	for _, step := range r.Schema.Steps {
		fmt.Fprintf(&text, "  %s: %s\n", verb, step.Name)
		if command == Plan {
			writeSQL(&text, step.Statements)
		}
	}
	writeDrift(&text, r.Schema.Drift)
	fmt.Fprintf(&text, "Kafka topics: %s\n", topicsSummary(r, verb))
	for _, step := range r.Topics.Steps {
		fmt.Fprintf(&text, "  %s: topic %s: %s\n", verb, step.Topic, step.Name)
	}
	writeDrift(&text, r.Topics.Drift)
	return text.String()
}

// version is what the database has, after the command.
func (r report) version() int {
	version := 0
	if applied := r.Schema.Applied; len(applied) > 0 {
		version = applied[len(applied)-1].Version
	}
	if r.InStep {
		version = max(version, schema.Latest())
	}
	return version
}

func topicsSummary(r report, verb string) string {
	if len(r.Topics.Steps)+len(r.Topics.Drift) == 0 {
		return "as declared"
	}
	return fmt.Sprintf("%d %s, %d differ", len(r.Topics.Steps), verb, len(r.Topics.Drift))
}

func writeSQL(text *strings.Builder, statements []string) {
	for _, statement := range statements {
		for line := range strings.Lines(statement + ";\n") {
			text.WriteString("    " + line)
		}
	}
}

func writeDrift(text *strings.Builder, drift []string) {
	for _, difference := range drift {
		text.WriteString("  differs: " + difference + "\n")
	}
}
