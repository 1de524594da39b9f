-- Who is registered. A user belongs to one namespace and may have several identities in it.
CREATE TABLE users (
    id         TEXT    NOT NULL PRIMARY KEY, -- a UUID: the token's `sub`
    namespace  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    avatar_url TEXT,
    blocked    INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    created_at INTEGER NOT NULL              -- milliseconds since the Unix epoch, UTC
) STRICT;

CREATE TABLE identities (
    namespace TEXT NOT NULL,
    provider  TEXT NOT NULL,
    subject   TEXT NOT NULL,                 -- the provider's own id of the person
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    UNIQUE (namespace, provider, subject)
) STRICT;

CREATE INDEX identities_of_user ON identities (user_id);
