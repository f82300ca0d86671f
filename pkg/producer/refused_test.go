package producer_test

import (
	"bytes"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/producer"
)

// refusing makes a cluster answer every produce request that holds the marker as a
// broker does which does not take some of its records: it writes none of them.
func refusing(cluster *kafkatest.Cluster, marker string, answer func(*kmsg.ProduceResponseTopicPartition)) *kafkatest.Hits {
	hits := cluster.Watch(kafkatest.Produce)
	fake := cluster.Fake()
	fake.ControlKey(int16(kafkatest.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		request, isProduce := r.(*kmsg.ProduceRequest)
		if !isProduce || !bytes.Contains(request.Topics[0].Partitions[0].Records, []byte(marker)) {
			return nil, nil, false
		}
		partition := kmsg.NewProduceResponseTopicPartition()
		partition.Partition = request.Topics[0].Partitions[0].Partition
		answer(&partition)
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = request.Topics[0].Topic
		topic.Partitions = append(topic.Partitions, partition)
		response, _ := request.ResponseKind().(*kmsg.ProduceResponse)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	return hits
}

func refusedRecord(index int32, message string) kmsg.ProduceResponseTopicPartitionErrorRecord {
	refused := kmsg.NewProduceResponseTopicPartitionErrorRecord()
	refused.RelativeOffset = index
	if message != "" {
		refused.ErrorMessage = &message
	}
	return refused
}

// batchOf makes records that travel together; those at the places in bad hold the
// marker.
func batchOf(n int, marker string, bad ...int) []producer.Record {
	records := make([]producer.Record, n)
	for i := range records {
		records[i] = producer.Record{Topic: events, Value: noise(40 + i)}
	}
	for _, i := range bad {
		records[i].Value = append([]byte(marker), noise(40)...)
	}
	return records
}

// A broker refuses a whole batch because of some of its records (without a key on
// a compacted topic, say). Those fail, with what it says of each; the others are
// sent again without them, and written once.
func TestRefusedRecordsFailAlone(t *testing.T) {
	const marker = "refuse-this-record"
	for name, test := range map[string]struct {
		code     int16
		want     kafka.Error
		named    bool
		requests int // at most
	}{
		"invalid record":                     {87, kafka.InvalidRecord, true, 2},
		"invalid timestamp":                  {32, kafka.InvalidTimestamp, true, 2},
		"a broker that does not name it":     {87, kafka.InvalidRecord, false, 20},
		"timestamps, by one that names none": {32, kafka.InvalidTimestamp, false, 20},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
			p := start(t, cluster, testConfig())
			requests := refusing(cluster, marker, func(answer *kmsg.ProduceResponseTopicPartition) {
				answer.ErrorCode = test.code
				if test.named {
					answer.ErrorRecords = append(answer.ErrorRecords, refusedRecord(1, "it has no key"), refusedRecord(6, ""))
				}
			})
			err := p.Publish(patient(t), batchOf(8, marker, 1, 6)...)
			var failed *producer.PublishError
			require.ErrorAs(t, err, &failed)
			require.Len(t, failed.Failures, 2)
			assert.Equal(t, 1, failed.Failures[0].Index)
			assert.Equal(t, 6, failed.Failures[1].Index)
			for _, failure := range failed.Failures {
				assert.ErrorIs(t, failure.Err, test.want)
			}
			if test.named {
				assert.ErrorContains(t, failed.Failures[0].Err, "it has no key")
			}
			assert.LessOrEqual(t, requests.Count(), test.requests)
			assert.Len(t, cluster.Records(events), 6)
		})
	}
}

// A refusal of places that the batch does not have, or one that may pass, is not
// taken for one of records.
func TestOddRefusals(t *testing.T) {
	const marker = "refuse-this-record"
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	p := start(t, cluster, testConfig())
	refusing(cluster, marker, func(answer *kmsg.ProduceResponseTopicPartition) {
		answer.ErrorCode = 87
		answer.ErrorRecords = append(answer.ErrorRecords, refusedRecord(0, ""), refusedRecord(99, ""), refusedRecord(-1, ""))
	})
	err := p.Publish(patient(t), batchOf(4, marker, 2)...)
	var failed *producer.PublishError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Failures, 1)
	assert.Equal(t, 2, failed.Failures[0].Index)
	assert.Len(t, cluster.Records(events), 3)

	answered := false
	refusing(cluster, "it-passes", func(answer *kmsg.ProduceResponseTopicPartition) {
		answer.ErrorCode = 19 // not enough replicas
		answer.ErrorRecords = append(answer.ErrorRecords, refusedRecord(0, ""))
		if answered {
			answer.ErrorCode, answer.ErrorRecords = 0, nil
		}
		answered = true
	})
	require.NoError(t, p.Publish(patient(t), batchOf(1, "it-passes", 0)...))
}
