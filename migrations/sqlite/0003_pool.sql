-- Codes that are made ahead, and who makes them.

-- Where a namespace's numbers go on: a number is never given twice.
CREATE TABLE pools (
    namespace   TEXT    NOT NULL PRIMARY KEY,
    next_number INTEGER NOT NULL
) STRICT;

CREATE TABLE pool_codes (
    namespace   TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    scene       TEXT    NOT NULL UNIQUE,
    picture     TEXT    NOT NULL UNIQUE,    -- its name in the storage; without a suffix while it is made
    account     TEXT    NOT NULL,           -- what it was made for
    env_version TEXT    NOT NULL,
    page        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('making', 'free', 'taken')),
    generation  INTEGER NOT NULL DEFAULT 0, -- how often it has been taken
    -- Taken: when no session can have it any more, and it has rested. Milliseconds since the Unix epoch, UTC.
    free_at     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (namespace, number)
) STRICT;

CREATE INDEX pool_codes_by_state ON pool_codes (namespace, state, number);

CREATE INDEX pool_codes_by_rest ON pool_codes (namespace, state, free_at);

-- Pictures that no code has any more, to be deleted.
CREATE TABLE pool_litter (
    picture TEXT NOT NULL PRIMARY KEY
) STRICT;

-- Who of all instances does what one alone shall do. Whoever holds one lets its beat rise.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT,                        -- nobody while it is NULL
    generation INTEGER NOT NULL DEFAULT 0,  -- how often it has changed hands
    beat       INTEGER NOT NULL DEFAULT 0
) STRICT;
