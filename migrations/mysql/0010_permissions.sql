-- Found by the role, with the roles of whoever sends a request.
CREATE TABLE IF NOT EXISTS security_roles_permissions (
    role_name VARCHAR(80) NOT NULL,
    permission_name VARCHAR(80) NOT NULL,
    PRIMARY KEY (role_name, permission_name),
    FOREIGN KEY (role_name) REFERENCES security_roles (name) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
