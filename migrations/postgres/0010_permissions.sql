-- Found by the role, with the roles of whoever sends a request.
CREATE TABLE security_roles_permissions (
    role_name TEXT NOT NULL REFERENCES security_roles (name) ON DELETE CASCADE,
    permission_name TEXT NOT NULL,
    PRIMARY KEY (role_name, permission_name)
);
