CREATE TABLE security_users (
    id UUID NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL,
    password_hash TEXT,
    active BOOLEAN NOT NULL,
    confirmed_at TIMESTAMPTZ,
    epoch BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX security_users_email_canonical ON security_users (email_canonical);

CREATE TABLE security_roles (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL
);

CREATE TABLE security_users_roles (
    user_id UUID NOT NULL REFERENCES security_users (id) ON DELETE CASCADE,
    role_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role_name)
);
CREATE INDEX security_users_roles_role_name ON security_users_roles (role_name);
