-- What a user proved for a session, a program's login or a remembered browser, with the times.
ALTER TABLE security_sessions ADD COLUMN proofs TEXT NOT NULL DEFAULT '[]';
UPDATE security_sessions SET proofs = CASE
    WHEN authn_via = 'remember' AND authenticated_at > '1970-01-02' THEN '[{"method":"remember","at":"1970-01-01T00:00:00Z"},{"method":"password","at":"' || authenticated_at || '"}]'
    WHEN authn_via = 'remember' THEN '[{"method":"remember","at":"' || authenticated_at || '"}]'
    WHEN authn_via = 'password' THEN '[{"method":"password","at":"' || authenticated_at || '"}]'
    WHEN authn_via IN ('confirm', 'reset') THEN '[{"method":"link:' || authn_via || '","at":"' || authenticated_at || '"}]'
    ELSE '[{"method":"custom:' || REPLACE(REPLACE(authn_via, '\', ''), '"', '') || '","at":"' || authenticated_at || '"}]' END;
ALTER TABLE security_sessions DROP COLUMN authn_via;
ALTER TABLE security_sessions DROP COLUMN authenticated_at;

ALTER TABLE security_refresh ADD COLUMN proofs TEXT NOT NULL DEFAULT '[]';
UPDATE security_refresh SET proofs = CASE
    WHEN authn_via = 'remember' AND authenticated_at > '1970-01-02' THEN '[{"method":"remember","at":"1970-01-01T00:00:00Z"},{"method":"password","at":"' || authenticated_at || '"}]'
    WHEN authn_via = 'remember' THEN '[{"method":"remember","at":"' || authenticated_at || '"}]'
    WHEN authn_via = 'password' THEN '[{"method":"password","at":"' || authenticated_at || '"}]'
    WHEN authn_via IN ('confirm', 'reset') THEN '[{"method":"link:' || authn_via || '","at":"' || authenticated_at || '"}]'
    ELSE '[{"method":"custom:' || REPLACE(REPLACE(authn_via, '\', ''), '"', '') || '","at":"' || authenticated_at || '"}]' END;
ALTER TABLE security_refresh DROP COLUMN authn_via;
ALTER TABLE security_refresh DROP COLUMN authenticated_at;

-- Nothing says how the users of remembered browsers had logged in; nearly all did with a password.
ALTER TABLE security_remember ADD COLUMN proofs TEXT NOT NULL DEFAULT '[]';
UPDATE security_remember SET proofs = '[{"method":"password","at":"' || created_at || '"}]';
