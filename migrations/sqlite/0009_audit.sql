-- No foreign key: what happened to a user outlives the user.
CREATE TABLE security_audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    happened_at TEXT NOT NULL,
    event TEXT NOT NULL,
    user_id BLOB,
    payload TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    key_id BIGINT NOT NULL,
    seal BLOB NOT NULL
);

-- One row, which whoever adds to the journal locks.
CREATE TABLE security_audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash BLOB NOT NULL,
    key_id BIGINT NOT NULL,
    seal BLOB NOT NULL
);
INSERT INTO security_audit_head (id, sequence, hash, key_id, seal)
VALUES (1, 0, zeroblob(32), 0, zeroblob(32));
