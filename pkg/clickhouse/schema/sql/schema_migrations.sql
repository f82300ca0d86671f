-- Which files are applied; every shard sees the same.
CREATE TABLE IF NOT EXISTS {{table "schema_migrations"}}
(
    version    UInt32,
    name       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = {{engineOnAllShards "schema_migrations" "ReplacingMergeTree" "applied_at"}}
ORDER BY version;
