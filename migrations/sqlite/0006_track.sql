CREATE TABLE security_track (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES security_users (id) ON DELETE CASCADE,
    current_login_at TEXT NOT NULL,
    current_login_ip TEXT,
    last_login_at TEXT,
    last_login_ip TEXT,
    login_count BIGINT NOT NULL
);
