-- What a user proved for a session, a program's login or a remembered browser, with the times.
-- MySQL has no "add the column unless it is there", and commits each statement: what is said depends on
-- what is found. A session has its proofs once the older columns are gone.
SET @is_due = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_sessions' AND column_name = 'proofs');
SET @statement = IF(@is_due,
    'ALTER TABLE security_sessions ADD COLUMN proofs VARCHAR(1000) NOT NULL DEFAULT ''[]''',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

SET @is_due = EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_sessions' AND column_name = 'authn_via');
SET @statement = IF(@is_due,
    'UPDATE security_sessions SET proofs = CASE
    WHEN authn_via = ''remember'' AND authenticated_at > ''1970-01-02'' THEN CONCAT(''[{"method":"remember","at":"1970-01-01T00:00:00Z"},{"method":"password","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via = ''remember'' THEN CONCAT(''[{"method":"remember","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via = ''password'' THEN CONCAT(''[{"method":"password","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via IN (''confirm'', ''reset'') THEN CONCAT(''[{"method":"link:'', authn_via, ''","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    ELSE CONCAT(''[{"method":"custom:'', REPLACE(REPLACE(authn_via, CHAR(92), ''''), ''"'', ''''), ''","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'') END',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

SET @is_due = EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_sessions' AND column_name = 'authn_via');
SET @statement = IF(@is_due,
    'ALTER TABLE security_sessions DROP COLUMN authn_via, DROP COLUMN authenticated_at',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

SET @is_due = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_refresh' AND column_name = 'proofs');
SET @statement = IF(@is_due,
    'ALTER TABLE security_refresh ADD COLUMN proofs VARCHAR(1000) NOT NULL DEFAULT ''[]''',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

SET @is_due = EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_refresh' AND column_name = 'authn_via');
SET @statement = IF(@is_due,
    'UPDATE security_refresh SET proofs = CASE
    WHEN authn_via = ''remember'' AND authenticated_at > ''1970-01-02'' THEN CONCAT(''[{"method":"remember","at":"1970-01-01T00:00:00Z"},{"method":"password","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via = ''remember'' THEN CONCAT(''[{"method":"remember","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via = ''password'' THEN CONCAT(''[{"method":"password","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    WHEN authn_via IN (''confirm'', ''reset'') THEN CONCAT(''[{"method":"link:'', authn_via, ''","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'')
    ELSE CONCAT(''[{"method":"custom:'', REPLACE(REPLACE(authn_via, CHAR(92), ''''), ''"'', ''''), ''","at":"'', DATE_FORMAT(authenticated_at, ''%Y-%m-%dT%H:%i:%s.%fZ''), ''"}]'') END',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

SET @is_due = EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_refresh' AND column_name = 'authn_via');
SET @statement = IF(@is_due,
    'ALTER TABLE security_refresh DROP COLUMN authn_via, DROP COLUMN authenticated_at',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

-- Nothing says how the users of remembered browsers had logged in; nearly all did with a password.
SET @is_due = NOT EXISTS (
    SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'security_remember' AND column_name = 'proofs');
SET @statement = IF(@is_due,
    'ALTER TABLE security_remember ADD COLUMN proofs VARCHAR(1000) NOT NULL DEFAULT ''[]''',
    'DO 0');
PREPARE alteration FROM @statement;
EXECUTE alteration;
DEALLOCATE PREPARE alteration;

UPDATE security_remember SET proofs = CONCAT('[{"method":"password","at":"', DATE_FORMAT(created_at, '%Y-%m-%dT%H:%i:%s.%fZ'), '"}]') WHERE proofs = '[]';
