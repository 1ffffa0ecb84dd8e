-- No foreign key: what happened to a user outlives the user.
CREATE TABLE IF NOT EXISTS security_audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    happened_at DATETIME(6) NOT NULL,
    event VARCHAR(64) NOT NULL,
    user_id BINARY(16),
    payload TEXT NOT NULL,
    previous BINARY(32) NOT NULL,
    hash BINARY(32) NOT NULL,
    key_id BIGINT NOT NULL,
    seal BINARY(32) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

-- One row, which whoever adds to the journal locks.
CREATE TABLE IF NOT EXISTS security_audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash BINARY(32) NOT NULL,
    key_id BIGINT NOT NULL,
    seal BINARY(32) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
INSERT IGNORE INTO security_audit_head (id, sequence, hash, key_id, seal)
VALUES (1, 0, UNHEX(REPEAT('00', 32)), 0, UNHEX(REPEAT('00', 32)));
