-- The application's own table, with its own numbers, names and columns. What the framework calls
-- `id`, `active` and `epoch` is here `public_id`, the opposite of `suspended`, and `generation`.
-- Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS members (
    member_number INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id BLOB NOT NULL UNIQUE,
    mail_address TEXT NOT NULL,
    -- The address in lower case: by it a member is found, and it is nobody else's.
    mail_key TEXT NOT NULL UNIQUE,
    -- The username, what it is found by, and what it looks like; none of them is anybody else's.
    nickname TEXT,
    nickname_key TEXT UNIQUE,
    nickname_look TEXT UNIQUE,
    passphrase TEXT,
    suspended BOOLEAN NOT NULL DEFAULT FALSE,
    proved_at INTEGER,
    must_choose_anew BOOLEAN NOT NULL DEFAULT FALSE,
    leaves_at INTEGER,
    -- When a member goes who never proved the address.
    forgotten_at INTEGER,
    generation INTEGER NOT NULL DEFAULT 0,
    display_name TEXT NOT NULL,
    joined_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS member_sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    session_id BLOB NOT NULL UNIQUE,
    member BLOB NOT NULL REFERENCES members (public_id) ON DELETE CASCADE,
    member_generation INTEGER NOT NULL,
    proofs TEXT NOT NULL,
    client TEXT,
    user_agent TEXT,
    begun_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS member_sessions_member ON member_sessions (member, begun_at);

CREATE TABLE IF NOT EXISTS member_tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    member BLOB NOT NULL REFERENCES members (public_id) ON DELETE CASCADE,
    mail_key TEXT NOT NULL,
    mail_id BLOB NOT NULL UNIQUE,
    lasting BOOLEAN NOT NULL,
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS member_tokens_member ON member_tokens (member);

CREATE TABLE IF NOT EXISTS outgoing_mail (
    mail_id BLOB NOT NULL PRIMARY KEY,
    template TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipient TEXT NOT NULL,
    member BLOB REFERENCES members (public_id) ON DELETE CASCADE,
    to_holder BOOLEAN NOT NULL,
    only_unconfirmed BOOLEAN NOT NULL,
    generation INTEGER,
    link_purpose TEXT,
    link_seconds INTEGER,
    link_lasting BOOLEAN NOT NULL,
    -- What the template sees besides, as JSON.
    context TEXT NOT NULL,
    -- Who asked for it, as JSON.
    asker TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    -- When it is to be sent, or sent again; none if that was given up.
    due_at INTEGER,
    leased BOOLEAN NOT NULL DEFAULT FALSE,
    attempts INTEGER NOT NULL DEFAULT 0,
    fault TEXT
);
CREATE INDEX IF NOT EXISTS outgoing_mail_due_at ON outgoing_mail (due_at);
CREATE INDEX IF NOT EXISTS outgoing_mail_member ON outgoing_mail (member);

-- Members who leave, unless a mail is on its way that brings a way back; and until when the last way
-- back lasts.
CREATE VIEW IF NOT EXISTS leaving AS
SELECT members.*,
       COALESCE((SELECT MAX(expires_at) FROM member_tokens WHERE member = public_id AND lasting),
                leaves_at) AS stays_until
FROM members
WHERE leaves_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM outgoing_mail
    WHERE member = public_id AND link_lasting AND due_at IS NOT NULL);

CREATE TABLE IF NOT EXISTS attempts (
    key_digest BLOB NOT NULL PRIMARY KEY,
    attempts INTEGER NOT NULL,
    delay INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    counted_at INTEGER NOT NULL
);
