-- What a role was told to include. A role in the middle of a chain is not deleted before it is taken
-- out of it: what the chain leads to could not be told any more.
CREATE TABLE IF NOT EXISTS security_roles_inclusions (
    role_name VARCHAR(80) NOT NULL,
    included_name VARCHAR(80) NOT NULL,
    PRIMARY KEY (role_name, included_name),
    INDEX security_roles_inclusions_included_name (included_name),
    FOREIGN KEY (role_name) REFERENCES security_roles (name) ON DELETE CASCADE,
    FOREIGN KEY (included_name) REFERENCES security_roles (name) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

-- What comes of it: each role, what it includes, what that includes, and so on. Found by the role, with
-- the roles of whoever sends a request.
CREATE TABLE IF NOT EXISTS security_roles_included (
    role_name VARCHAR(80) NOT NULL,
    included_name VARCHAR(80) NOT NULL,
    PRIMARY KEY (role_name, included_name),
    INDEX security_roles_included_included_name (included_name),
    FOREIGN KEY (role_name) REFERENCES security_roles (name) ON DELETE CASCADE,
    FOREIGN KEY (included_name) REFERENCES security_roles (name) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

INSERT INTO security_roles_included (role_name, included_name)
SELECT name, name FROM security_roles
WHERE NOT EXISTS (SELECT 1 FROM security_roles_included WHERE role_name = name);
