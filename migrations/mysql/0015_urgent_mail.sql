-- Mail that tells of what happened to an account goes out before mail that strangers can ask for.
-- MySQL has no "add the column unless it is there": what is said depends on what is found.
SET @is_missing = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_outbox' AND column_name = 'urgent');
SET @statement = IF(@is_missing,
    'ALTER TABLE security_outbox
         ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE,
         ADD INDEX security_outbox_due (urgent, next_attempt_at)',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;
UPDATE security_outbox SET urgent = TRUE
    WHERE user_id IS NOT NULL AND (link_purpose IS NULL OR link_lasting = TRUE);
