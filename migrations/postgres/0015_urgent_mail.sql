-- Mail that tells of what happened to an account goes out before mail that strangers can ask for.
ALTER TABLE security_outbox ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE security_outbox SET urgent = TRUE
    WHERE user_id IS NOT NULL AND (link_purpose IS NULL OR link_lasting = TRUE);
CREATE INDEX security_outbox_due ON security_outbox (urgent, next_attempt_at);
