-- A row for each token that a person has made for a program of theirs.
CREATE TABLE security_personal_tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT
);
CREATE UNIQUE INDEX security_personal_tokens_name ON security_personal_tokens (user_id, name);
CREATE INDEX security_personal_tokens_expires_at ON security_personal_tokens (expires_at);
