-- A row for each program that is logged in: a family of refresh tokens, one of which is good at a time.
CREATE TABLE IF NOT EXISTS security_refresh (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL,
    token_id BINARY(16) NOT NULL,
    previous_id BINARY(16),
    session_id BINARY(16),
    -- By what the browser of that session is remembered, if it is: session after session names it.
    series BINARY(32),
    authn_via VARCHAR(64) NOT NULL,
    client VARCHAR(45),
    user_agent VARCHAR(255),
    created_at DATETIME(6) NOT NULL,
    authenticated_at DATETIME(6) NOT NULL,
    rotated_at DATETIME(6) NOT NULL,
    idle_expires_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    INDEX security_refresh_user_id (user_id, created_at),
    INDEX security_refresh_session_id (session_id),
    INDEX security_refresh_series (series),
    INDEX security_refresh_idle_expires_at (idle_expires_at),
    FOREIGN KEY (user_id) REFERENCES security_users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';

-- Tokens that are good no more, until they would have expired.
CREATE TABLE IF NOT EXISTS security_denylist (
    jti VARCHAR(64) NOT NULL PRIMARY KEY,
    expires_at DATETIME(6) NOT NULL,
    INDEX security_denylist_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = 'rocket_security';
