-- Times are microseconds since 1970, for they are reckoned with inside the statements.
CREATE TABLE IF NOT EXISTS security_attempts (
    key_digest BINARY(32) NOT NULL PRIMARY KEY,
    attempts BIGINT NOT NULL,
    delay BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    counted_at BIGINT NOT NULL,
    INDEX security_attempts_counted_at (counted_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
