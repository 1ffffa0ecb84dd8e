CREATE TABLE security_one_time_tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    mail_id BLOB NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE UNIQUE INDEX security_one_time_tokens_mail_id ON security_one_time_tokens (mail_id);
CREATE INDEX security_one_time_tokens_user_id ON security_one_time_tokens (user_id);
CREATE INDEX security_one_time_tokens_expires_at ON security_one_time_tokens (expires_at);
