-- No foreign key: what happened to a user outlives the user.
CREATE TABLE security_audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    happened_at TIMESTAMPTZ NOT NULL,
    event TEXT NOT NULL,
    user_id UUID,
    payload TEXT NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    key_id BIGINT NOT NULL,
    seal BYTEA NOT NULL
);

-- One row, which whoever adds to the journal locks.
CREATE TABLE security_audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    key_id BIGINT NOT NULL,
    seal BYTEA NOT NULL
);
INSERT INTO security_audit_head (id, sequence, hash, key_id, seal)
VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0, decode(repeat('00', 32), 'hex'));
