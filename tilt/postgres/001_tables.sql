-- Nova's own schema. Every file here may be applied any number of times.

DO $$ BEGIN
  CREATE TYPE post_status AS ENUM ('draft', 'published', 'archived');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;

CREATE TABLE IF NOT EXISTS users (
  id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  email         text        NOT NULL UNIQUE,
  username      text        NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9_.]{2,40}$'),
  display_name  text        NOT NULL DEFAULT '',
  password_hash text        NOT NULL,
  bio           text,
  avatar_key    text,
  is_verified   boolean     NOT NULL DEFAULT false,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS posts (
  id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  caption     text,
  image_key   text        NOT NULL,
  status      post_status NOT NULL DEFAULT 'published',
  soft_delete timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS comments (
  id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  post_id           uuid        NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
  user_id           uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  parent_comment_id uuid        REFERENCES comments (id) ON DELETE CASCADE,
  content           text        NOT NULL CHECK (content <> ''),
  soft_delete       timestamptz,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS likes (
  id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  post_id    uuid        NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
  user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, post_id)
);

CREATE TABLE IF NOT EXISTS follows (
  id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  follower_id  uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  following_id uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (follower_id, following_id),
  CHECK (follower_id <> following_id)
);

-- The cache refresh jobs. The name is the key, so that a compacted topic keeps
-- the newest definition of each job.
CREATE TABLE IF NOT EXISTS job_definitions (
  name       text        PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  kind       text        NOT NULL,
  schedule   text        NOT NULL,
  enabled    boolean     NOT NULL DEFAULT true,
  params     jsonb       NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Foreign keys are not indexed by themselves; without these a cascading delete
-- scans the table.
CREATE INDEX IF NOT EXISTS posts_user_id_created_at ON posts (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS comments_post_id_created_at ON comments (post_id, created_at);
CREATE INDEX IF NOT EXISTS comments_user_id ON comments (user_id);
CREATE INDEX IF NOT EXISTS comments_parent_comment_id ON comments (parent_comment_id) WHERE parent_comment_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS likes_post_id ON likes (post_id);
CREATE INDEX IF NOT EXISTS follows_following_id ON follows (following_id);
