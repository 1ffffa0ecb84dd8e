-- MySQL has no "add the column unless it is there": what is said depends on what is found.
SET @is_missing = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_users' AND column_name = 'closes_at');
SET @statement = IF(@is_missing,
    'ALTER TABLE security_users
         ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE,
         ADD COLUMN closes_at DATETIME(6),
         ADD COLUMN expires_at DATETIME(6),
         ADD INDEX security_users_closes_at (closes_at),
         ADD INDEX security_users_expires_at (expires_at)',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

-- Links that are under way die with the old table: a token now says when its mail was asked for.
DROP TABLE IF EXISTS security_one_time_tokens;
CREATE TABLE IF NOT EXISTS security_one_time_tokens (
    digest BINARY(32) NOT NULL PRIMARY KEY,
    purpose VARCHAR(64) NOT NULL,
    user_id BINARY(16) NOT NULL,
    address VARCHAR(254) NOT NULL,
    mail_id BINARY(16) NOT NULL,
    lasting BOOLEAN NOT NULL,
    asked_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    UNIQUE INDEX security_one_time_tokens_mail_id (mail_id),
    INDEX security_one_time_tokens_user_id (user_id),
    INDEX security_one_time_tokens_expires_at (expires_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

SET @is_missing = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_outbox' AND column_name = 'to_holder');
SET @statement = IF(@is_missing,
    'ALTER TABLE security_outbox
         ADD COLUMN to_holder BOOLEAN NOT NULL DEFAULT FALSE,
         ADD COLUMN epoch BIGINT,
         ADD COLUMN link_lasting BOOLEAN NOT NULL DEFAULT FALSE,
         ADD COLUMN context TEXT,
         ADD COLUMN asker TEXT,
         ADD INDEX security_outbox_recipient (recipient)',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;
UPDATE security_outbox SET to_holder = TRUE WHERE user_id IS NULL AND link_purpose IS NOT NULL;
