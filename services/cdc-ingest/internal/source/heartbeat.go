package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/pkg/debezium"
)

// heartbeat watches the topic that the connector writes to when it has nothing else
// to write, too.
type heartbeat struct {
	cfg     Config
	kafka   *broker.Cluster
	topic   string
	log     *slog.Logger
	metrics *metrics

	// isNeeded says that there is a connector, which may wait for its topic.
	isNeeded bool
	isAbsent bool
}

func (*heartbeat) name() string { return "source heartbeat" }

func (*heartbeat) close(context.Context) {}

func (h *heartbeat) look(ctx context.Context) finding {
	newest, err := offsets.Newest(ctx, h.kafka, h.topic)
	if errors.Is(err, offsets.ErrNoTopic) {
		h.metrics.heartbeat(-1)
		return h.withoutTopic()
	}
	if err != nil {
		h.metrics.heartbeat(-1)
		return unreachable("see whether Kafka runs", err)
	}
	if newest.IsZero() {
		h.metrics.heartbeat(-1)
		h.absent()
		return finding{}
	}
	h.isAbsent = false
	age := max(0, time.Since(newest))
	h.metrics.heartbeat(age)
	if age > h.cfg.MaxHeartbeatAge {
		return finding{
			kind: "old", text: fmt.Sprintf("the connector's newest heartbeat is %s old", age.Round(time.Second)),
			fix: "see whether the connector runs, and reaches PostgreSQL and Kafka",
		}
	}
	return finding{}
}

// withoutTopic is what a missing topic means. Not every installation has heartbeats;
// a connector that has some, and cannot write them, writes nothing more and looks
// well.
func (h *heartbeat) withoutTopic() finding {
	if !h.isNeeded {
		h.absent()
		return finding{}
	}
	return finding{
		kind: "no topic", text: fmt.Sprintf("there is no topic %s: a connector with heartbeats waits for it, and writes nothing", h.topic),
		fix: "create it, by cdc-ingest epoch begin for a new topic prefix, else by jobs migrate",
	}
}

// absent says once that there is nothing to watch.
func (h *heartbeat) absent() {
	if !h.isAbsent {
		h.log.Info("no heartbeat of the connector yet", "topic", h.topic)
	}
	h.isAbsent = true
}

// HeartbeatTopic is where the connector of the newest epoch writes its heartbeats.
func HeartbeatTopic(epochs debezium.Epochs) string {
	newest := ""
	for prefix, epoch := range epochs {
		if newest == "" || epoch > epochs[newest] {
			newest = prefix
		}
	}
	return "__debezium-heartbeat." + newest
}
