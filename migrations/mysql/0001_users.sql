CREATE TABLE IF NOT EXISTS security_users (
    id BINARY(16) NOT NULL PRIMARY KEY,
    email VARCHAR(254) NOT NULL,
    email_canonical VARCHAR(254) NOT NULL,
    password_hash VARCHAR(512),
    active BOOLEAN NOT NULL,
    confirmed_at DATETIME(6),
    epoch BIGINT NOT NULL,
    created_at DATETIME(6) NOT NULL,
    UNIQUE INDEX security_users_email_canonical (email_canonical)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

CREATE TABLE IF NOT EXISTS security_roles (
    name VARCHAR(80) NOT NULL PRIMARY KEY,
    description TEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

CREATE TABLE IF NOT EXISTS security_users_roles (
    user_id BINARY(16) NOT NULL,
    role_name VARCHAR(80) NOT NULL,
    PRIMARY KEY (user_id, role_name),
    INDEX security_users_roles_role_name (role_name),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE,
    FOREIGN KEY (role_name) REFERENCES security_roles (name) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
