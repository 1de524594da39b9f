-- The schema of today. Its number is that of the same schema in SQLite.

CREATE TABLE users (
    id          TEXT     NOT NULL PRIMARY KEY, -- a UUID: the token's `sub`
    user_group  TEXT     NOT NULL,
    name        TEXT     NOT NULL,
    avatar_url  TEXT,
    blocked     SMALLINT NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)), -- as in SQLite
    created_at  BIGINT   NOT NULL,             -- milliseconds since the Unix epoch, UTC
    -- Whose identities all went to another, by their union: kept, because others may refer to them.
    merged_into TEXT     REFERENCES users (id) ON DELETE SET NULL
);

CREATE TABLE identities (
    user_group TEXT NOT NULL,
    provider   TEXT NOT NULL,
    account    TEXT NOT NULL DEFAULT '',       -- '' for none
    subject    TEXT NOT NULL,                  -- the id of the person at the provider's account
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    UNIQUE (user_group, provider, account, subject)
);

CREATE INDEX identities_of_user ON identities (user_id);

CREATE TABLE unions (
    user_group TEXT NOT NULL,
    union_id   TEXT NOT NULL,                  -- the id of the person over all accounts
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    UNIQUE (user_group, union_id)
);

CREATE INDEX unions_of_user ON unions (user_id);
