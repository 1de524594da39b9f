-- One person, several ways: namespaces share their users in groups, an identity is of one account
-- of its provider, and a union says which identities are one person's.

-- Until here a namespace was a group of its own.
ALTER TABLE users RENAME COLUMN namespace TO user_group;

-- Whose identities all went to another, by their union: kept, because others may refer to them.
ALTER TABLE users ADD COLUMN merged_into TEXT REFERENCES users (id) ON DELETE SET NULL;

-- Made anew: SQLite cannot change what is unique in a table.
CREATE TABLE identities_by_account (
    user_group TEXT NOT NULL,
    provider   TEXT NOT NULL,
    account    TEXT NOT NULL DEFAULT '',   -- '' for none, and for what was written before this file
    subject    TEXT NOT NULL,              -- the id of the person at the provider's account
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    UNIQUE (user_group, provider, account, subject)
) STRICT;

INSERT INTO identities_by_account (user_group, provider, subject, user_id)
SELECT namespace, provider, subject, user_id FROM identities;

DROP TABLE identities;

ALTER TABLE identities_by_account RENAME TO identities;

CREATE INDEX identities_of_user ON identities (user_id);

CREATE TABLE unions (
    user_group TEXT NOT NULL,
    union_id   TEXT NOT NULL,              -- the id of the person over all accounts
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    UNIQUE (user_group, union_id)
) STRICT;

CREATE INDEX unions_of_user ON unions (user_id);
