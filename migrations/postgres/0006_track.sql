CREATE TABLE security_track (
    user_id UUID NOT NULL PRIMARY KEY REFERENCES security_users (id) ON DELETE CASCADE,
    current_login_at TIMESTAMPTZ NOT NULL,
    current_login_ip TEXT,
    last_login_at TIMESTAMPTZ,
    last_login_ip TEXT,
    login_count BIGINT NOT NULL
);
