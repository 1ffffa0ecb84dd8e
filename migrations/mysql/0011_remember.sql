-- A row for each browser that is remembered. The session that its browser has names it.
CREATE TABLE IF NOT EXISTS security_remember (
    series BINARY(32) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL,
    validator BINARY(32) NOT NULL,
    previous BINARY(32),
    created_at DATETIME(6) NOT NULL,
    rotated_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    INDEX security_remember_user_id (user_id, created_at),
    INDEX security_remember_expires_at (expires_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

-- MySQL has no "add the column unless it is there": what is said depends on what is found.
SET @is_missing = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_sessions' AND column_name = 'series');
SET @statement = IF(@is_missing,
    'ALTER TABLE security_sessions
         ADD COLUMN series BINARY(32),
         ADD INDEX security_sessions_series (series)',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;
