-- Who logged in: a row for each token that was handed out.
CREATE TABLE logins (
    jti        TEXT   NOT NULL PRIMARY KEY, -- the token's own id
    -- '' in all of these where a person was removed, or the row knows no more than that the token
    -- was revoked.
    user_group TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,             -- the token's `sub`
    namespace  TEXT   NOT NULL,
    provider   TEXT   NOT NULL,
    ip         TEXT   NOT NULL,             -- the browser's
    user_agent TEXT   NOT NULL,             -- its own claim
    at         BIGINT NOT NULL,             -- milliseconds since the Unix epoch, UTC, as below
    expires_at BIGINT NOT NULL,             -- the token's `exp`
    revoked_at BIGINT
);

CREATE INDEX logins_of_user ON logins (user_id, at);

CREATE INDEX logins_by_time ON logins (at);
