-- The device's own identifier, which clients report since nova.events.v1 has it.
-- Rows that are there have none.

ALTER TABLE {{table "post_events"}} ADD COLUMN IF NOT EXISTS device_id String CODEC(ZSTD(1)) AFTER app_ver;
