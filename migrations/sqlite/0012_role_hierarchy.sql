-- What a role was told to include. A role in the middle of a chain is not deleted before it is taken
-- out of it: what the chain leads to could not be told any more.
CREATE TABLE security_roles_inclusions (
    role_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE CASCADE,
    included_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE RESTRICT,
    PRIMARY KEY (role_name, included_name)
);
CREATE INDEX security_roles_inclusions_included_name ON security_roles_inclusions (included_name);

-- What comes of it: each role, what it includes, what that includes, and so on. Found by the role, with
-- the roles of whoever sends a request.
CREATE TABLE security_roles_included (
    role_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE CASCADE,
    included_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE CASCADE,
    PRIMARY KEY (role_name, included_name)
);
CREATE INDEX security_roles_included_included_name ON security_roles_included (included_name);

INSERT INTO security_roles_included (role_name, included_name)
SELECT name, name FROM security_roles;
