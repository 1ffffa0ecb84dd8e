CREATE TABLE IF NOT EXISTS security_track (
    user_id BINARY(16) NOT NULL PRIMARY KEY,
    current_login_at DATETIME(6) NOT NULL,
    current_login_ip VARCHAR(45),
    last_login_at DATETIME(6),
    last_login_ip VARCHAR(45),
    login_count BIGINT NOT NULL,
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
