package repair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer/topics"
	"github.com/nova-data/nova/pkg/debezium"
)

// firstPrefix is the topic prefix whose own topics are declared.
const firstPrefix = "nova"

// begin creates the topics that belong to a prefix alone, as those of the first are
// declared, and says what comes next. Without the one of its heartbeats a connector
// waits for good, and looks well.
func begin(ctx context.Context, prefix string, epochs debezium.Epochs, kafka *broker.Cluster, out func(line string)) error {
	declared, err := topics.Declared()
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(declared, func(t topics.Topic) bool { return renamed(t.Name, prefix) == "" })
	for i := range own {
		own[i].Name = renamed(own[i].Name, prefix)
	}
	if _, err := topics.New(kafka, own, slog.New(slog.DiscardHandler)).Apply(ctx); err != nil {
		return fmt.Errorf("creating the topics of %s: %w", prefix, err)
	}
	for _, t := range own {
		out("topic " + t.Name + " is there")
	}
	var unmapped *debezium.UnmappedError
	if _, err := epochs.Version(&debezium.Source{Name: []byte(prefix)}, debezium.Read); errors.As(err, &unmapped) {
		out("next: give cdc-ingest CDC_EPOCHS=" + unmapped.Epochs.String())
	}
	out(fmt.Sprintf("then: create a connector with topic.prefix=%s and a slot of its own, and when its snapshot is done: cdc-ingest epoch finish --prefix %s", prefix, prefix))
	return nil
}

// renamed is the name under another prefix of a topic that belongs to the first, ""
// for one that belongs to all.
func renamed(topic, prefix string) string {
	if base, isHeartbeat := strings.CutSuffix(topic, "."+firstPrefix); isHeartbeat {
		return base + "." + prefix
	}
	if rest, isOwn := strings.CutPrefix(topic, firstPrefix+"."); isOwn {
		return prefix + "." + rest
	}
	return ""
}
