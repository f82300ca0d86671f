-- What change data capture needs. wal_level=logical is a setting of the server.

-- With FULL the old row is whole: a delete says who liked or followed whom, and
-- an update carries a large caption that it did not change. users stays at
-- DEFAULT: PostgreSQL refuses UPDATE under FULL on a table whose publication
-- has a column list.
ALTER TABLE users           REPLICA IDENTITY DEFAULT;
ALTER TABLE posts           REPLICA IDENTITY FULL;
ALTER TABLE comments        REPLICA IDENTITY FULL;
ALTER TABLE likes           REPLICA IDENTITY FULL;
ALTER TABLE follows         REPLICA IDENTITY FULL;
ALTER TABLE job_definitions REPLICA IDENTITY DEFAULT;

-- Debezium is told what to do by rows in this table: one per topic prefix,
-- since a row reaches every connector that captures it.
CREATE TABLE IF NOT EXISTS debezium_signal (
  id   varchar(42)   PRIMARY KEY,
  type varchar(32)   NOT NULL,
  data varchar(2048)
);

-- email and password_hash never leave PostgreSQL by streaming. Snapshots read
-- the tables themselves, so the connector excludes both columns once more.
DO $$ BEGIN
  CREATE PUBLICATION nova;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

ALTER PUBLICATION nova SET TABLE
  users (id, username, display_name, bio, avatar_key, is_verified, created_at, updated_at),
  posts, comments, likes, follows, job_definitions, debezium_signal;
