CREATE TABLE security_one_time_tokens (
    digest BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    mail_id UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX security_one_time_tokens_mail_id ON security_one_time_tokens (mail_id);
CREATE INDEX security_one_time_tokens_user_id ON security_one_time_tokens (user_id);
CREATE INDEX security_one_time_tokens_expires_at ON security_one_time_tokens (expires_at);
