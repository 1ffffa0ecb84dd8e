-- The application's own table, with its own numbers, names and columns. What the framework calls
-- `id`, `active` and `epoch` is here `public_id`, the opposite of `suspended`, and `generation`.
-- Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS members (
    member_number INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id BLOB NOT NULL UNIQUE,
    mail_address TEXT NOT NULL,
    -- The address in lower case: by it a member is found, and it is nobody else's.
    mail_key TEXT NOT NULL UNIQUE,
    passphrase TEXT,
    suspended BOOLEAN NOT NULL DEFAULT FALSE,
    proved_at INTEGER,
    generation INTEGER NOT NULL DEFAULT 0,
    display_name TEXT NOT NULL,
    joined_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS ranks (
    rank TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS member_ranks (
    member BLOB NOT NULL REFERENCES members (public_id) ON DELETE CASCADE,
    rank TEXT NOT NULL REFERENCES ranks (rank),
    PRIMARY KEY (member, rank)
);

-- A member in one row, as the framework wants to see one. No rank has a blank in its name.
CREATE VIEW IF NOT EXISTS accounts AS
SELECT public_id, mail_address, mail_key, passphrase, suspended, proved_at, generation, joined_at,
       (SELECT group_concat(rank, ' ') FROM member_ranks WHERE member = public_id) AS ranks
FROM members;

CREATE TABLE IF NOT EXISTS member_sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    session_id BLOB NOT NULL UNIQUE,
    member BLOB NOT NULL REFERENCES members (public_id) ON DELETE CASCADE,
    member_generation INTEGER NOT NULL,
    authn_via TEXT NOT NULL,
    client TEXT,
    user_agent TEXT,
    begun_at INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS member_sessions_member ON member_sessions (member, begun_at);

CREATE TABLE IF NOT EXISTS member_tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    member BLOB NOT NULL REFERENCES members (public_id) ON DELETE CASCADE,
    mail_key TEXT NOT NULL,
    mail_id BLOB NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS member_tokens_member ON member_tokens (member);

CREATE TABLE IF NOT EXISTS outgoing_mail (
    mail_id BLOB NOT NULL PRIMARY KEY,
    template TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipient TEXT NOT NULL,
    member BLOB REFERENCES members (public_id) ON DELETE CASCADE,
    only_unconfirmed BOOLEAN NOT NULL,
    link_purpose TEXT,
    link_seconds INTEGER,
    written_at INTEGER NOT NULL,
    -- When it is to be sent, or sent again; none if that was given up.
    due_at INTEGER,
    leased BOOLEAN NOT NULL DEFAULT FALSE,
    attempts INTEGER NOT NULL DEFAULT 0,
    fault TEXT
);
CREATE INDEX IF NOT EXISTS outgoing_mail_due_at ON outgoing_mail (due_at);
CREATE INDEX IF NOT EXISTS outgoing_mail_member ON outgoing_mail (member);

CREATE TABLE IF NOT EXISTS attempts (
    key_digest BLOB NOT NULL PRIMARY KEY,
    attempts INTEGER NOT NULL,
    delay INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    counted_at INTEGER NOT NULL
);
