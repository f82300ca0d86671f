-- What change data capture needs. wal_level=logical is a setting of the server.

-- With FULL the old row is whole: a delete says who liked or followed whom, and
-- an update carries a large caption that it did not change. users stays at
-- DEFAULT, so that no record of the WAL holds its private columns once more.
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

-- Whole tables: with a column list the connector would read all columns of a
-- table after a snapshot by signal, and take the fewer values that are streamed
-- for the first of them. What must not leave is left out by the connector, whose
-- column.include.list names what does.
DO $$ BEGIN
  CREATE PUBLICATION nova;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

ALTER PUBLICATION nova SET TABLE users, posts, comments, likes, follows, job_definitions, debezium_signal;
