CREATE TABLE IF NOT EXISTS security_sessions (
    digest BINARY(32) NOT NULL PRIMARY KEY,
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL,
    authn_via VARCHAR(64) NOT NULL,
    client VARCHAR(45),
    user_agent VARCHAR(255),
    created_at DATETIME(6) NOT NULL,
    authenticated_at DATETIME(6) NOT NULL,
    last_seen_at DATETIME(6) NOT NULL,
    UNIQUE INDEX security_sessions_id (id),
    INDEX security_sessions_user_id (user_id, created_at),
    INDEX security_sessions_created_at (created_at),
    INDEX security_sessions_last_seen_at (last_seen_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
