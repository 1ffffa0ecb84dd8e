CREATE TABLE profiles (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES security_users (id) ON DELETE CASCADE,
    display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 40)
);
