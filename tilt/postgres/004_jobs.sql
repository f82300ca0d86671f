-- A TRUNCATE names no row, so its record has no key, and a compacted topic takes
-- none without: the connector would stop there for all tables, for good.
CREATE OR REPLACE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'TRUNCATE of % is refused: its topic is compacted and takes no record without a key', TG_TABLE_NAME
    USING HINT = format('DELETE FROM %I does the same.', TG_TABLE_NAME);
END $$;

CREATE OR REPLACE TRIGGER job_definitions_truncate BEFORE TRUNCATE ON job_definitions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- The jobs that Nova begins with. This file is applied at every start, so a job
-- that exists stays as it was made: whoever changes a schedule or disables a job
-- keeps that. A job that is deleted comes back; disable it to be rid of it.

INSERT INTO job_definitions (name, kind, schedule, params) VALUES
  ('trending-1h',  'trending', '@every 15s', '{"window": "1h",  "top_k": 100}'),
  ('trending-24h', 'trending', '@every 60s', '{"window": "24h", "top_k": 100}'),
  ('trending-7d',  'trending', '@every 5m',  '{"window": "7d",  "top_k": 100}')
ON CONFLICT (name) DO NOTHING;
