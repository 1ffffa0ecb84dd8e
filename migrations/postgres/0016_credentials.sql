-- A row for each thing that a user can prove with other than the password.
CREATE TABLE security_credentials (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    lookup BYTEA,
    data TEXT NOT NULL,
    counter BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX security_credentials_lookup ON security_credentials (kind, lookup);
CREATE INDEX security_credentials_user_id ON security_credentials (user_id, kind);
