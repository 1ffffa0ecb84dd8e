CREATE TABLE security_sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    authn_via TEXT NOT NULL,
    client TEXT,
    user_agent TEXT,
    created_at TEXT NOT NULL,
    authenticated_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
);
CREATE UNIQUE INDEX security_sessions_id ON security_sessions (id);
CREATE INDEX security_sessions_user_id ON security_sessions (user_id, created_at);
CREATE INDEX security_sessions_created_at ON security_sessions (created_at);
CREATE INDEX security_sessions_last_seen_at ON security_sessions (last_seen_at);
