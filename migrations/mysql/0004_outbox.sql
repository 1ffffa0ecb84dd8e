CREATE TABLE IF NOT EXISTS security_outbox (
    id BINARY(16) NOT NULL PRIMARY KEY,
    template VARCHAR(128) NOT NULL,
    subject VARCHAR(998) NOT NULL,
    recipient VARCHAR(254) NOT NULL,
    user_id BINARY(16),
    only_unconfirmed BOOLEAN NOT NULL,
    link_purpose VARCHAR(64),
    link_lifetime BIGINT,
    created_at DATETIME(6) NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at DATETIME(6),
    lease BINARY(16),
    fault TEXT,
    INDEX security_outbox_next_attempt_at (next_attempt_at),
    INDEX security_outbox_user_id (user_id),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
