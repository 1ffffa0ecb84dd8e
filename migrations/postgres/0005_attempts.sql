-- Times are microseconds since 1970, for they are reckoned with inside the statements.
CREATE TABLE security_attempts (
    key_digest BYTEA NOT NULL PRIMARY KEY,
    attempts BIGINT NOT NULL,
    delay BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    counted_at BIGINT NOT NULL
);
CREATE INDEX security_attempts_counted_at ON security_attempts (counted_at);
