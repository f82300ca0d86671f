-- The jobs that Nova begins with. This file is applied at every start, so a job
-- that exists stays as it was made: whoever changes a schedule or disables a job
-- keeps that. A job that is deleted comes back; disable it to be rid of it.

INSERT INTO job_definitions (name, kind, schedule, params) VALUES
  ('trending-1h',  'trending', '@every 15s', '{"window": "1h",  "top_k": 100}'),
  ('trending-24h', 'trending', '@every 60s', '{"window": "24h", "top_k": 100}'),
  ('trending-7d',  'trending', '@every 5m',  '{"window": "7d",  "top_k": 100}')
ON CONFLICT (name) DO NOTHING;
