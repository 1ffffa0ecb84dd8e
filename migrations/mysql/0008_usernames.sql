SET @is_missing = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_users' AND column_name = 'username');
SET @statement = IF(@is_missing,
    'ALTER TABLE security_users
         ADD COLUMN username VARCHAR(255),
         ADD COLUMN username_canonical VARCHAR(255),
         ADD COLUMN username_skeleton VARCHAR(255),
         ADD UNIQUE INDEX security_users_username_canonical (username_canonical),
         ADD UNIQUE INDEX security_users_username_skeleton (username_skeleton)',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;
