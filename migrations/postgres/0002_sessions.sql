CREATE TABLE security_sessions (
    digest BYTEA NOT NULL PRIMARY KEY,
    id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    authn_via TEXT NOT NULL,
    client TEXT,
    user_agent TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    authenticated_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX security_sessions_id ON security_sessions (id);
CREATE INDEX security_sessions_user_id ON security_sessions (user_id, created_at);
CREATE INDEX security_sessions_created_at ON security_sessions (created_at);
CREATE INDEX security_sessions_last_seen_at ON security_sessions (last_seen_at);
