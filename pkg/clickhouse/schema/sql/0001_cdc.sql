-- The rows of PostgreSQL's tables. A row's newest version wins, a deletion is a
-- row with is_deleted = 1. Read them with FINAL. Ids are random, so versions and
-- times have no order to gain from: T64 crops their common high bits.

CREATE TABLE IF NOT EXISTS {{table "users"}}
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
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY id;

CREATE TABLE IF NOT EXISTS {{table "posts"}}
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
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY id;

CREATE TABLE IF NOT EXISTS {{table "comments"}}
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
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY id;

CREATE TABLE IF NOT EXISTS {{table "likes"}}
(
    id         UUID,
    post_id    UUID,
    user_id    UUID,
    created_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version    UInt64 CODEC(T64, ZSTD(1)),
    is_deleted UInt8
)
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY id;

-- PostgreSQL's follows; status is 'active' or 'deleted'.
CREATE TABLE IF NOT EXISTS {{table "user_relationships"}}
(
    id          UUID,
    follower_id UUID,
    followee_id UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY id;

-- The newest TRUNCATE of each table: rows of a lower version are gone. Every
-- shard sees the same marks.
CREATE TABLE IF NOT EXISTS {{table "cdc_truncates"}}
(
    table_name  LowCardinality(String),
    version     UInt64,
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = {{engineOnAllShards "cdc_truncates" "ReplacingMergeTree" "version"}}
ORDER BY table_name;
