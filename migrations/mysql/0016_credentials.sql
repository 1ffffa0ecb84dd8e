-- A row for each thing that a user can prove with other than the password.
CREATE TABLE IF NOT EXISTS security_credentials (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    name VARCHAR(100) NOT NULL,
    lookup BINARY(32),
    data TEXT NOT NULL,
    counter BIGINT NOT NULL,
    created_at DATETIME(6) NOT NULL,
    last_used_at DATETIME(6),
    UNIQUE INDEX security_credentials_lookup (kind, lookup),
    INDEX security_credentials_user_id (user_id, kind),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
