-- A row for each browser that is remembered. The session that its browser has names it.
CREATE TABLE security_remember (
    series BYTEA NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    validator BYTEA NOT NULL,
    previous BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    rotated_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX security_remember_user_id ON security_remember (user_id, created_at);
CREATE INDEX security_remember_expires_at ON security_remember (expires_at);

ALTER TABLE security_sessions ADD COLUMN series BYTEA;
CREATE INDEX security_sessions_series ON security_sessions (series);
