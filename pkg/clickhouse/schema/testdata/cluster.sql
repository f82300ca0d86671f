CREATE TABLE IF NOT EXISTS `nova`.`schema_migrations` ON CLUSTER `{cluster}`
(
    version    UInt32,
    name       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/nova/schema_migrations', '{shard}_{replica}', applied_at)
ORDER BY version;

CREATE TABLE IF NOT EXISTS `nova`.`users` ON CLUSTER `{cluster}`
(
    id           UUID,
    username     String CODEC(ZSTD(1)),
    display_name String CODEC(ZSTD(1)),
    bio          Nullable(String) CODEC(ZSTD(3)),
    avatar_key   Nullable(String) CODEC(ZSTD(1)),
    is_verified  Bool,
    created_at   DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    updated_at   DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version      UInt64 CODEC(T64, ZSTD(1)),
    is_deleted   UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY id;

CREATE TABLE IF NOT EXISTS `nova`.`posts` ON CLUSTER `{cluster}`
(
    id          UUID,
    user_id     UUID,
    caption     Nullable(String) CODEC(ZSTD(3)),
    image_key   String CODEC(ZSTD(1)),
    status      LowCardinality(String),
    soft_delete Nullable(DateTime64(6, 'UTC')),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    updated_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY id;

CREATE TABLE IF NOT EXISTS `nova`.`comments` ON CLUSTER `{cluster}`
(
    id                UUID,
    post_id           UUID,
    user_id           UUID,
    parent_comment_id Nullable(UUID),
    content           String CODEC(ZSTD(3)),
    soft_delete       Nullable(DateTime64(6, 'UTC')),
    created_at        DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    updated_at        DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version           UInt64 CODEC(T64, ZSTD(1)),
    is_deleted        UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY id;

CREATE TABLE IF NOT EXISTS `nova`.`likes` ON CLUSTER `{cluster}`
(
    id         UUID,
    post_id    UUID,
    user_id    UUID,
    created_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version    UInt64 CODEC(T64, ZSTD(1)),
    is_deleted UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY id;

CREATE TABLE IF NOT EXISTS `nova`.`user_relationships` ON CLUSTER `{cluster}`
(
    id          UUID,
    follower_id UUID,
    followee_id UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY id;

CREATE TABLE IF NOT EXISTS `nova`.`cdc_truncates` ON CLUSTER `{cluster}`
(
    table_name  LowCardinality(String),
    version     UInt64,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/nova/cdc_truncates', '{shard}_{replica}', version)
ORDER BY table_name;

CREATE TABLE IF NOT EXISTS `nova`.`post_events` ON CLUSTER `{cluster}`
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
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (post_id, event_type, event_time, event_id)
TTL toDateTime(event_time) + toIntervalDay(400)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS `nova`.`post_engagement_hourly` ON CLUSTER `{cluster}`
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
ENGINE = ReplicatedSummingMergeTree((views, likes, comments, shares, dwell))
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, post_id)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS `nova`.`post_engagement_minutely` ON CLUSTER `{cluster}`
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
ENGINE = ReplicatedSummingMergeTree((views, likes, comments, shares, dwell))
PARTITION BY toDate(minute)
ORDER BY (minute, post_id)
TTL minute + toIntervalDay(2)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS `nova`.`post_engagement_hourly_mv` ON CLUSTER `{cluster}`
TO `nova`.`post_engagement_hourly` AS
SELECT
    toStartOfHour(event_time) AS hour,
    post_id,
    sum(toInt64(event_type = 'post_view')) AS views,
    sum(toInt64(event_type = 'post_like')) AS likes,
    sum(toInt64(event_type = 'post_comment')) AS comments,
    sum(toInt64(event_type = 'post_share')) AS shares,
    sum(toInt64(dwell_ms)) AS dwell
FROM `nova`.`post_events`
WHERE event_type != 'post_impression'
GROUP BY hour, post_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS `nova`.`post_engagement_minutely_mv` ON CLUSTER `{cluster}`
TO `nova`.`post_engagement_minutely` AS
SELECT
    toStartOfMinute(event_time) AS minute,
    post_id,
    sum(toInt64(event_type = 'post_view')) AS views,
    sum(toInt64(event_type = 'post_like')) AS likes,
    sum(toInt64(event_type = 'post_comment')) AS comments,
    sum(toInt64(event_type = 'post_share')) AS shares,
    sum(toInt64(dwell_ms)) AS dwell
FROM `nova`.`post_events`
WHERE event_type != 'post_impression'
GROUP BY minute, post_id;

CREATE TABLE IF NOT EXISTS `nova`.`user_relationships_current` ON CLUSTER `{cluster}`
(
    follower_id UUID,
    followee_id UUID,
    id          UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY (follower_id, followee_id, id);

CREATE TABLE IF NOT EXISTS `nova`.`user_followers_current` ON CLUSTER `{cluster}`
(
    followee_id UUID,
    follower_id UUID,
    id          UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = ReplicatedReplacingMergeTree(version, is_deleted)
ORDER BY (followee_id, follower_id, id);

CREATE MATERIALIZED VIEW IF NOT EXISTS `nova`.`user_relationships_current_mv` ON CLUSTER `{cluster}`
TO `nova`.`user_relationships_current` AS
SELECT follower_id, followee_id, id, status, created_at, version, is_deleted
FROM `nova`.`user_relationships`;

CREATE MATERIALIZED VIEW IF NOT EXISTS `nova`.`user_followers_current_mv` ON CLUSTER `{cluster}`
TO `nova`.`user_followers_current` AS
SELECT followee_id, follower_id, id, status, created_at, version, is_deleted
FROM `nova`.`user_relationships`;

ALTER TABLE `nova`.`post_events` ON CLUSTER `{cluster}` ADD COLUMN IF NOT EXISTS device_id String CODEC(ZSTD(1)) AFTER app_ver;
