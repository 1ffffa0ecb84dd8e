ALTER TABLE security_users ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE security_users ADD COLUMN closes_at TIMESTAMPTZ;
ALTER TABLE security_users ADD COLUMN expires_at TIMESTAMPTZ;
CREATE INDEX security_users_closes_at ON security_users (closes_at);
CREATE INDEX security_users_expires_at ON security_users (expires_at);

-- Links that are under way die with the old table: a token now says when its mail was asked for.
DROP TABLE security_one_time_tokens;
CREATE TABLE security_one_time_tokens (
    digest BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    mail_id UUID NOT NULL,
    lasting BOOLEAN NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX security_one_time_tokens_mail_id ON security_one_time_tokens (mail_id);
CREATE INDEX security_one_time_tokens_user_id ON security_one_time_tokens (user_id);
CREATE INDEX security_one_time_tokens_expires_at ON security_one_time_tokens (expires_at);

ALTER TABLE security_outbox ADD COLUMN to_holder BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE security_outbox ADD COLUMN epoch BIGINT;
ALTER TABLE security_outbox ADD COLUMN link_lasting BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE security_outbox ADD COLUMN context TEXT;
ALTER TABLE security_outbox ADD COLUMN asker TEXT;
UPDATE security_outbox SET to_holder = TRUE WHERE user_id IS NULL AND link_purpose IS NOT NULL;
CREATE INDEX security_outbox_recipient ON security_outbox (recipient);
