-- Who follows whom, by either end. Every row goes through, deletions too: a
-- filter on status would keep each unfollow alive, and a key without id would
-- confuse a follow with its own re-creation. Read them with FINAL and, for the
-- follows that hold, status = 'active'.

CREATE TABLE IF NOT EXISTS {{table "user_relationships_current"}}
(
    follower_id UUID,
    followee_id UUID,
    id          UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY (follower_id, followee_id, id);

CREATE TABLE IF NOT EXISTS {{table "user_followers_current"}}
(
    followee_id UUID,
    follower_id UUID,
    id          UUID,
    status      LowCardinality(String),
    created_at  DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    version     UInt64 CODEC(T64, ZSTD(1)),
    is_deleted  UInt8
)
ENGINE = {{engine "ReplacingMergeTree" "version, is_deleted"}}
ORDER BY (followee_id, follower_id, id);

CREATE MATERIALIZED VIEW IF NOT EXISTS {{table "user_relationships_current_mv"}}
TO {{name "user_relationships_current"}} AS
SELECT follower_id, followee_id, id, status, created_at, version, is_deleted
FROM {{name "user_relationships"}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{table "user_followers_current_mv"}}
TO {{name "user_followers_current"}} AS
SELECT followee_id, follower_id, id, status, created_at, version, is_deleted
FROM {{name "user_relationships"}};
