CREATE TABLE IF NOT EXISTS security_one_time_tokens (
    digest BINARY(32) NOT NULL PRIMARY KEY,
    purpose VARCHAR(64) NOT NULL,
    user_id BINARY(16) NOT NULL,
    address VARCHAR(254) NOT NULL,
    mail_id BINARY(16) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    UNIQUE INDEX security_one_time_tokens_mail_id (mail_id),
    INDEX security_one_time_tokens_user_id (user_id),
    INDEX security_one_time_tokens_expires_at (expires_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
