-- A row for each program that is logged in: a family of refresh tokens, one of which is good at a time.
CREATE TABLE security_refresh (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    token_id BLOB NOT NULL,
    previous_id BLOB,
    session_id BLOB,
    -- By what the browser of that session is remembered, if it is: session after session names it.
    series BLOB,
    authn_via TEXT NOT NULL,
    client TEXT,
    user_agent TEXT,
    created_at TEXT NOT NULL,
    authenticated_at TEXT NOT NULL,
    rotated_at TEXT NOT NULL,
    idle_expires_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX security_refresh_user_id ON security_refresh (user_id, created_at);
CREATE INDEX security_refresh_session_id ON security_refresh (session_id);
CREATE INDEX security_refresh_series ON security_refresh (series);
CREATE INDEX security_refresh_idle_expires_at ON security_refresh (idle_expires_at);

-- Tokens that are good no more, until they would have expired.
CREATE TABLE security_denylist (
    jti VARCHAR(64) NOT NULL PRIMARY KEY,
    expires_at TEXT NOT NULL
);
CREATE INDEX security_denylist_expires_at ON security_denylist (expires_at);
