-- What clients report, and the sums over it. Every table here remembers the
-- tokens of its last blocks, so that a block sent again is stored once in the
-- base table and in each view.

CREATE TABLE IF NOT EXISTS {{table "post_events"}}
(
    event_id    UUID,
    event_type  LowCardinality(String),
    event_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    user_id     UUID,
    post_id     UUID,
    author_id   Nullable(UUID),
    dwell_ms    UInt32 CODEC(T64, ZSTD(1)),
    device      LowCardinality(String),
    app_ver     LowCardinality(String),
    attributes  Map(String, String) CODEC(ZSTD(3)),
    topic       LowCardinality(String),
    partition   UInt32 CODEC(T64, ZSTD(1)),
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine "ReplacingMergeTree" ""}}
PARTITION BY toYYYYMM(event_time)
ORDER BY (post_id, event_type, event_time, event_id)
TTL toDateTime(event_time) + toIntervalDay({{.PostEventsTTLDays}})
SETTINGS {{deduplicationWindow}}, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS {{table "post_engagement_hourly"}}
(
    hour     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    post_id  UUID,
    views    Int64 CODEC(T64, ZSTD(1)),
    likes    Int64 CODEC(T64, ZSTD(1)),
    comments Int64 CODEC(T64, ZSTD(1)),
    shares   Int64 CODEC(T64, ZSTD(1)),
    dwell    Int64 CODEC(T64, ZSTD(1)),
    score    Float64 ALIAS views * 0.1 + likes * 2 + comments * 3 + shares * 5
)
ENGINE = {{engine "SummingMergeTree" "(views, likes, comments, shares, dwell)"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, post_id)
SETTINGS {{deduplicationWindow}};

-- The same by minute, kept long enough for a "last hour" that is exact.
CREATE TABLE IF NOT EXISTS {{table "post_engagement_minutely"}}
(
    minute   DateTime('UTC') CODEC(Delta, ZSTD(1)),
    post_id  UUID,
    views    Int64 CODEC(T64, ZSTD(1)),
    likes    Int64 CODEC(T64, ZSTD(1)),
    comments Int64 CODEC(T64, ZSTD(1)),
    shares   Int64 CODEC(T64, ZSTD(1)),
    dwell    Int64 CODEC(T64, ZSTD(1)),
    score    Float64 ALIAS views * 0.1 + likes * 2 + comments * 3 + shares * 5
)
ENGINE = {{engine "SummingMergeTree" "(views, likes, comments, shares, dwell)"}}
PARTITION BY toDate(minute)
ORDER BY (minute, post_id)
TTL minute + toIntervalDay(2)
SETTINGS {{deduplicationWindow}}, ttl_only_drop_parts = 1;

-- dwell is in milliseconds. Impressions, the bulk of all events, count in no sum.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{table "post_engagement_hourly_mv"}}
TO {{name "post_engagement_hourly"}} AS
SELECT
    toStartOfHour(event_time) AS hour,
    post_id,
    sum(toInt64(event_type = 'post_view')) AS views,
    sum(toInt64(event_type = 'post_like')) AS likes,
    sum(toInt64(event_type = 'post_comment')) AS comments,
    sum(toInt64(event_type = 'post_share')) AS shares,
    sum(toInt64(dwell_ms)) AS dwell
FROM {{name "post_events"}}
WHERE event_type != 'post_impression'
GROUP BY hour, post_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{table "post_engagement_minutely_mv"}}
TO {{name "post_engagement_minutely"}} AS
SELECT
    toStartOfMinute(event_time) AS minute,
    post_id,
    sum(toInt64(event_type = 'post_view')) AS views,
    sum(toInt64(event_type = 'post_like')) AS likes,
    sum(toInt64(event_type = 'post_comment')) AS comments,
    sum(toInt64(event_type = 'post_share')) AS shares,
    sum(toInt64(dwell_ms)) AS dwell
FROM {{name "post_events"}}
WHERE event_type != 'post_impression'
GROUP BY minute, post_id;
