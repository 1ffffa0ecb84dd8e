ALTER TABLE security_users ADD COLUMN username TEXT;
ALTER TABLE security_users ADD COLUMN username_canonical TEXT;
ALTER TABLE security_users ADD COLUMN username_skeleton TEXT;
CREATE UNIQUE INDEX security_users_username_canonical ON security_users (username_canonical);
CREATE UNIQUE INDEX security_users_username_skeleton ON security_users (username_skeleton);
