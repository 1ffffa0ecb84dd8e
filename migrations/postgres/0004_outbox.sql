CREATE TABLE security_outbox (
    id UUID NOT NULL PRIMARY KEY,
    template TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipient TEXT NOT NULL,
    user_id UUID REFERENCES security_users (id) ON DELETE CASCADE,
    only_unconfirmed BOOLEAN NOT NULL,
    link_purpose TEXT,
    link_lifetime BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    lease UUID,
    fault TEXT
);
CREATE INDEX security_outbox_next_attempt_at ON security_outbox (next_attempt_at);
CREATE INDEX security_outbox_user_id ON security_outbox (user_id);
