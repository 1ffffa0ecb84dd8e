-- A row for each token that a person has made for a program of theirs.
CREATE TABLE IF NOT EXISTS security_personal_tokens (
    digest BINARY(32) NOT NULL PRIMARY KEY,
    id BINARY(16) NOT NULL UNIQUE,
    user_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL,
    name VARCHAR(100) NOT NULL,
    scopes TEXT NOT NULL,
    created_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6),
    last_used_at DATETIME(6),
    UNIQUE INDEX security_personal_tokens_name (user_id, name),
    INDEX security_personal_tokens_expires_at (expires_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
