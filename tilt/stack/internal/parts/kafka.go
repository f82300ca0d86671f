package parts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/host"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// clusterID is 16 bytes ("nova-local-stack") as Kafka writes ids.
const clusterID = "bm92YS1sb2NhbC1zdGFjaw"

// jvm starts the Java programs of the stack, whose jars share one directory.
type jvm struct{ java, jars string }

// quick halves the CPU time of a start and costs speed later: for programs that
// end soon or have little to do.
const quick = "-XX:TieredStopAtLevel=1"

// args returns the arguments for a program with options of the JVM.
func (j jvm) args(options []string, class string, args ...string) []string {
	return slices.Concat(options, []string{
		"-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-Dorg.slf4j.simpleLogger.showThreadName=false",
		// A line for each partition that it loads says nothing about a failure.
		"-Dorg.slf4j.simpleLogger.log.state.change.logger=warn",
		"-Dorg.slf4j.simpleLogger.log.kafka.cluster=warn",
		"-Dorg.slf4j.simpleLogger.log.kafka.log=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.storage.internals.log=warn",
		"-cp", filepath.Join(j.jars, "*"), class,
	}, args)
}

// Kafka returns Kafka's part alone, which needs no other.
func Kafka(ctx context.Context, cfg Config) (supervisor.Part, error) {
	java, err := host.Java(ctx)
	if err != nil {
		return supervisor.Part{}, err
	}
	return kafkaPart(cfg.Layout, jvm{java: java, jars: cfg.Jars}), nil
}

func kafkaPart(l layout.Layout, jvm jvm) supervisor.Part {
	part := supervisor.Part{Name: "kafka", Address: l.Kafka.Addr, Ready: probe.Kafka(l.Kafka.Addr), Patience: 2 * time.Minute}
	if !l.Kafka.Own {
		return part
	}
	home := l.Data("kafka")
	properties := filepath.Join(home, "server.properties")
	part.Prepare = func(ctx context.Context) error {
		if err := os.MkdirAll(home, 0o700); err != nil {
			return err
		}
		log := filepath.Join(home, "log")
		if err := makeOnce(log, func(next string) error { return formatKafka(ctx, l, jvm, next) }); err != nil {
			return err
		}
		return os.WriteFile(properties, []byte(kafkaProperties(l, log)), 0o600)
	}
	part.Command = &supervisor.Command{Path: jvm.java, Args: jvm.args([]string{"-Xmx512m"}, "kafka.Kafka", properties), Dir: home}
	return part
}

// formatKafka writes the identity of a new one-node cluster into dir.
func formatKafka(ctx context.Context, l layout.Layout, jvm jvm, dir string) error {
	properties := dir + ".properties"
	if err := os.WriteFile(properties, []byte(kafkaProperties(l, dir)), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(properties) }()
	format := exec.CommandContext(ctx, jvm.java, //nolint:gosec // Kafka's own program
		jvm.args([]string{"-Xmx256m", quick}, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", properties)...)
	if out, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka's storage: %w\n%s", err, out)
	}
	return nil
}

// kafkaProperties configures one node that is broker and controller. Topics are
// declared by `jobs migrate`; a producer's typing error must not make one.
func kafkaProperties(l layout.Layout, log string) string {
	return properties(
		"process.roles", "broker,controller",
		"node.id", "1",
		"controller.quorum.voters", "1@"+l.Address(layout.KafkaControllerPort),
		"controller.listener.names", "CONTROLLER",
		"listeners", "PLAINTEXT://"+l.Kafka.Addr+",CONTROLLER://"+l.Address(layout.KafkaControllerPort),
		"log.dirs", log,
		"auto.create.topics.enable", "false",
		"offsets.topic.num.partitions", "8",
		"offsets.topic.replication.factor", "1",
		"transaction.state.log.num.partitions", "8",
		"transaction.state.log.replication.factor", "1",
		"transaction.state.log.min.isr", "1",
		"share.coordinator.state.topic.replication.factor", "1",
		"share.coordinator.state.topic.min.isr", "1",
		"group.initial.rebalance.delay.ms", "0",
		"log.cleaner.dedupe.buffer.size", "16777216",
		// After a kill -9 the broker registers again only when its old session
		// is over.
		"broker.heartbeat.interval.ms", "500",
		"broker.session.timeout.ms", "4000",
	)
}

// properties writes a Java properties file from keys and values in turn.
func properties(pairs ...string) string {
	var file strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&file, "%s=%s\n", pairs[i], strings.ReplaceAll(pairs[i+1], `\`, `\\`))
	}
	return file.String()
}
