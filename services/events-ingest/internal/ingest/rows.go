package ingest

import (
	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
)

// Table is where events are stored.
const Table = stored.Table

// rows is a block of post_events under construction.
type rows struct {
	block *block.Block

	eventID    *block.UUIDColumn
	eventType  *block.LowCardinalityColumn
	eventTime  *block.DateTimeColumn
	userID     *block.UUIDColumn
	postID     *block.UUIDColumn
	authorID   *block.NullableUUIDColumn
	dwellMS    *block.Fixed[uint32]
	device     *block.LowCardinalityColumn
	appVersion *block.LowCardinalityColumn
	deviceID   *block.StringColumn
	attributes *block.MapColumn
	topic      *block.LowCardinalityColumn
	partition  *block.Fixed[uint32]
	offset     *block.Fixed[uint64]
	ingestedAt *block.DateTimeColumn
}

func newRows() *rows {
	r := &rows{
		eventID:    block.UUID("event_id"),
		eventType:  block.LowCardinality("event_type"),
		eventTime:  block.DateTime64Milli("event_time"),
		userID:     block.UUID("user_id"),
		postID:     block.UUID("post_id"),
		authorID:   block.NullableUUID("author_id"),
		dwellMS:    block.UInt32("dwell_ms"),
		device:     block.LowCardinality("device"),
		appVersion: block.LowCardinality("app_ver"),
		deviceID:   block.String("device_id"),
		attributes: block.Map("attributes"),
		topic:      block.LowCardinality("topic"),
		partition:  block.UInt32("partition"),
		offset:     block.UInt64("offset"),
		ingestedAt: block.DateTime64Milli("ingested_at"),
	}
	r.block = block.New(
		r.eventID, r.eventType, r.eventTime, r.userID, r.postID, r.authorID, r.dwellMS,
		r.device, r.appVersion, r.deviceID, r.attributes, r.topic, r.partition, r.offset, r.ingestedAt,
	)
	return r
}

// append adds the row of an event that record holds. No time saturates: an
// event's was checked when it was decoded.
func (r *rows) append(e *event.Event, record *consumer.Record) {
	r.eventID.Append(e.ID)
	r.eventType.Append(e.Action.EventType())
	r.eventTime.AppendMillis(e.TimeMS)
	r.userID.Append(e.UserID)
	r.postID.Append(e.PostID)
	if e.AuthorID == uuid.Nil {
		r.authorID.AppendNull()
	} else {
		r.authorID.Append(e.AuthorID)
	}
	r.dwellMS.Append(e.DwellMS)
	r.device.Append(e.Device)
	r.appVersion.Append(e.AppVersion)
	r.deviceID.Append(e.DeviceID)
	for _, attribute := range e.Attributes {
		r.attributes.Add(attribute.Name, attribute.Value)
	}
	r.attributes.EndRow()
	r.topic.Append(record.Topic)
	r.partition.Append(uint32(record.Partition))
	r.offset.Append(uint64(record.Offset))
	r.ingestedAt.AppendMillis(record.Time.UnixMilli())
}
