//! Checks the plans of the statements that requests wait for: each finds its rows by an index.

#![cfg(all(test, feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by a panic")]

use ::sqlx::{AssertSqlSafe, Connection, Executor, Row};

use crate::clock::Clock;
use crate::crypto::random_uuid;
use crate::datastore::sqlx::attempt::{CHARGE_NEXT, COUNT_NEXT, FIND_BLOCK};
use crate::datastore::sqlx::audit::{LIST_AUDIT, LOCK_AUDIT_HEAD, MOVE_AUDIT_HEAD};
use crate::datastore::sqlx::credential::{
    DELETE_CREDENTIAL, DELETE_CREDENTIALS_OF_KIND, FIND_CREDENTIAL, LIST_CREDENTIALS, RAISE_EPOCH,
    RENAME_CREDENTIAL, USE_CREDENTIAL,
};
use crate::datastore::sqlx::denylist::{EXTEND_DENIAL, FIND_DENIED};
use crate::datastore::sqlx::dialect::Dialect;
use crate::datastore::sqlx::filled::fill;
use crate::datastore::sqlx::lapse::CONTEST_USER;
use crate::datastore::sqlx::one_time::{
    CREATE_TOKEN, DELETE_OLDER_TOKENS, DELETE_TOKEN, DELETE_TOKEN_OF_MAIL, FIND_MAIL,
    FIND_NEWER_TOKENS, FIND_TOKEN, LIST_TOKENS_OF_PURPOSE,
};
use crate::datastore::sqlx::outbox::{
    DELETE_OLDER_MAIL, DELETE_OLDER_MAIL_OF_USER, FIND_DEAD, FIND_DUE, LEASE_MAIL, LIST_MAIL,
};
use crate::datastore::sqlx::personal_token::{
    CREATE_PERSONAL_TOKEN, FIND_PERSONAL_TOKEN, LIST_PERSONAL_TOKEN_NAMES, LIST_PERSONAL_TOKENS,
    REVOKE_PERSONAL_TOKEN, TOUCH_PERSONAL_TOKEN,
};
use crate::datastore::sqlx::refresh::{
    BEGIN_FAMILY, END_FAMILY, FIND_FAMILY, FIND_FAMILY_BEARER, FIND_OTHER_FAMILIES,
    FIND_ROTATED_FAMILY, FIND_USER_BEARER, LIST_FAMILIES, ROTATE_FAMILY,
};
use crate::datastore::sqlx::remember::{
    CREATE_SERIES, DELETE_SERIES_OF, FIND_OTHER_SERIES, FIND_SERIES, FIND_SERIES_TO_ROTATE,
    NAME_NO_SERIES, NAME_NO_SERIES_IN_FAMILIES, ROTATE_SERIES,
};
use crate::datastore::sqlx::rows::FIND_USER;
use crate::datastore::sqlx::schema::END_OLDER;
use crate::datastore::sqlx::session::{
    BEGIN_SESSION, DELETE_FAMILY, DELETE_SERIES, DELETE_SESSION, EXPIRE_SESSION,
    FIND_FAMILIES_OF_SERIES, FIND_FAMILIES_OF_SESSION, FIND_OTHER_SESSIONS, FIND_SERIES_OF_SESSION,
    FIND_SESSION, FIND_SESSION_BEARER, FIND_SESSION_OF, FIND_SESSIONS_OF_SERIES, LIST_SESSIONS,
    LOCK_SERIES, LOCK_SESSION_OF, TOUCH_SESSION,
};
use crate::datastore::sqlx::store::SqlxDatastore;
use crate::datastore::sqlx::track::RECORD_NEXT_LOGIN;
use crate::datastore::sqlx::user::{
    FIND_BY_EMAIL, FIND_BY_USERNAME, FIND_USERNAME_HOLDERS, KEEP_USER, LIST_PASSWORD_HASHES,
    LOCK_USER, REPLACE_PASSWORD_HASH,
};
use crate::datastore::sqlx::user_change::{DELETE_CREDENTIALS_OF_USER, UPDATE_USER};
use crate::testing::TestDatabase;

/// How a database explains its plans.
trait Explain: Dialect {
    const EXPLAIN: &'static str;
    /// The statements that make the plan the one that a large table gets.
    const BEFORE: &'static [&'static str];

    /// Returns the steps that read more of a table than an index leads them to.
    fn faults(plan: &[Self::Row]) -> Vec<String>;
}

#[cfg(feature = "sqlite")]
impl Explain for ::sqlx::Sqlite {
    const EXPLAIN: &'static str = "EXPLAIN QUERY PLAN";
    const BEFORE: &'static [&'static str] = &["ANALYZE"];

    fn faults(plan: &[Self::Row]) -> Vec<String> {
        let steps = plan.iter().map(|step| step.get("detail"));
        steps.filter(|step: &String| step.starts_with("SCAN")).collect()
    }
}

#[cfg(feature = "postgres")]
impl Explain for ::sqlx::Postgres {
    const EXPLAIN: &'static str = "EXPLAIN";
    const BEFORE: &'static [&'static str] = &["ANALYZE", "SET enable_seqscan = off"];

    /// A step that reads an index from end to end has no condition.
    fn faults(plan: &[Self::Row]) -> Vec<String> {
        let lines: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
        let scans =
            lines.iter().filter(|line| line.contains("Scan") && !line.contains("Bitmap Heap Scan"));
        let conditions = lines.iter().filter(|line| line.contains("Index Cond:"));
        if scans.count() == conditions.count() { Vec::new() } else { lines }
    }
}

#[cfg(feature = "mysql")]
impl Explain for ::sqlx::MySql {
    const EXPLAIN: &'static str = "EXPLAIN FORMAT = TRADITIONAL";
    const BEFORE: &'static [&'static str] = &["ANALYZE TABLE security_users, security_sessions, \
         security_users_roles, security_roles_permissions, security_one_time_tokens, security_outbox, security_attempts, \
         security_remember, security_refresh, security_denylist, security_personal_tokens, \
         security_credentials"];

    fn faults(plan: &[Self::Row]) -> Vec<String> {
        let fault = |step: &Self::Row| {
            let text = |column: &str| -> Option<String> { step.try_get_unchecked(column).unwrap() };
            // The table of an insertion is not read.
            let is_read = text("select_type").as_deref() != Some("INSERT");
            let (table, kind) = (text("table").filter(|_| is_read)?, text("type")?);
            matches!(kind.as_str(), "ALL" | "index").then(|| format!("{table} by {kind}"))
        };
        plan.iter().filter_map(fault).collect()
    }
}

/// A statement, or several that take the same values.
trait Statements {
    fn each(&self) -> Vec<&'static str>;
}

impl Statements for &'static str {
    fn each(&self) -> Vec<&'static str> {
        vec![self]
    }
}

impl Statements for &'static [&'static str] {
    fn each(&self) -> Vec<&'static str> {
        self.to_vec()
    }
}

/// Asserts that statements, with these values, use an index on each table.
macro_rules! assert_indexed {
    ($driver:ty, $url:expr, $($sql:ident($($value:expr),+);)+) => {{
        let mut connection = <$driver as ::sqlx::Database>::Connection::connect($url).await.unwrap();
        for statement in <$driver as Explain>::BEFORE {
            connection.execute(*statement).await.unwrap();
        }
        $(
            for sql in $sql.each() {
                let sql = <$driver as Dialect>::say(sql);
                let explain = format!("{} {sql}", <$driver as Explain>::EXPLAIN);
                let explain = ::sqlx::query(AssertSqlSafe(explain))$(.bind($value.clone()))+;
                let plan = explain.persistent(false).fetch_all(&mut connection).await.unwrap();
                let faults = <$driver as Explain>::faults(&plan);
                assert!(!plan.is_empty() && faults.is_empty(), "{sql}: {faults:#?}");
            }
        )+
    }};
}

#[rocket::async_test]
async fn every_statement_that_a_request_waits_for_uses_an_index() {
    let database = TestDatabase::create().await;
    let store = SqlxDatastore::connect(&database.figment(rocket::Config::figment())).await.unwrap();
    store.migrate().await.unwrap();
    let now = Clock::default().now();
    let (user, digest) = fill(&store, now).await;
    let (id, digest, zero) = (user.id.as_uuid(), digest.as_bytes().to_vec(), 0_i64);
    let (some, none, text) = (true, None::<String>, user.email.canonical());
    let (other, other_id) = (vec![9_u8; 32], random_uuid().unwrap());

    macro_rules! assert_all {
        ($driver:ty) => {
            assert_indexed!($driver, database.direct_url(),
                FIND_SESSION(digest);
                FIND_SESSION_OF(other_id, id);
                FIND_SESSION_BEARER(other_id, id, text);
                FIND_FAMILY_BEARER(id, id, text);
                FIND_USER_BEARER(id, text);
                FIND_DENIED(text);
                EXTEND_DENIAL(now, now, text);
                LOCK_SESSION_OF(other_id, id);
                BEGIN_FAMILY(
                    other_id, other_id, other_id, other_id, other, text, none, none, now, now, now,
                    now, id, zero, some
                );
                FIND_OTHER_FAMILIES(id, other_id, now);
                LIST_FAMILIES(id);
                FIND_FAMILY(id);
                FIND_ROTATED_FAMILY(id, text);
                ROTATE_FAMILY(id, id, now, now, id, id, zero, id, now, now, text);
                END_FAMILY(id, id);
                DELETE_FAMILY(id);
                FIND_FAMILIES_OF_SESSION(other_id);
                FIND_FAMILIES_OF_SERIES(digest);
                BEGIN_SESSION(
                    other, other_id, text, none, none, now, now, other, id, zero, some
                );
                LOCK_SERIES(digest, id);
                FIND_SESSIONS_OF_SERIES(digest);
                FIND_SERIES_OF_SESSION(digest);
                DELETE_SERIES(digest);
                DELETE_SERIES_OF(digest, id);
                CREATE_SERIES(other, other, other, text, now, now, now, id, zero, some);
                FIND_SERIES(digest);
                FIND_SERIES_TO_ROTATE(digest);
                ROTATE_SERIES(other, other, now, digest, id, zero, digest, now);
                FIND_OTHER_SERIES(id, digest);
                NAME_NO_SERIES(digest);
                NAME_NO_SERIES_IN_FAMILIES(digest);
                KEEP_USER(id);
                FIND_OTHER_SESSIONS(id, digest);
                LIST_SESSIONS(id);
                DELETE_SESSION(digest);
                TOUCH_SESSION(now, digest, now, now);
                EXPIRE_SESSION(now, digest, now, now);
                FIND_USER(id);
                FIND_BY_EMAIL(text);
                FIND_BY_USERNAME(text);
                FIND_USERNAME_HOLDERS(text, text);
                LIST_PASSWORD_HASHES(id, 1_i64);
                LOCK_USER(id);
                UPDATE_USER(
                    some, now, text, text, some, text, some, text, some, text, some, some, now, some,
                    some, text, id, some, some, zero, some
                );
                CONTEST_USER(some, text, text, text, now, id);
                REPLACE_PASSWORD_HASH(text, id, text);
                FIND_PERSONAL_TOKEN(digest);
                LIST_PERSONAL_TOKENS(id);
                LIST_PERSONAL_TOKEN_NAMES(id);
                CREATE_PERSONAL_TOKEN(
                    other, other_id, text, text, now, now, now, id, zero, some
                );
                TOUCH_PERSONAL_TOKEN(now, digest, now);
                REVOKE_PERSONAL_TOKEN(other_id, id);
                END_OLDER(id);
                RAISE_EPOCH(id, zero, some);
                FIND_CREDENTIAL(text, digest);
                LIST_CREDENTIALS(id);
                USE_CREDENTIAL(none, now, zero, id, id, zero);
                RENAME_CREDENTIAL(text, id, id);
                DELETE_CREDENTIAL(id, id);
                DELETE_CREDENTIALS_OF_KIND(id, text);
                DELETE_CREDENTIALS_OF_USER(id);
                CREATE_TOKEN(other, text, text, other_id, some, now, now, id, zero);
                FIND_MAIL(id);
                FIND_NEWER_TOKENS(id, text, now);
                LIST_TOKENS_OF_PURPOSE(id, text);
                DELETE_OLDER_TOKENS(id, text);
                DELETE_OLDER_MAIL(text, text);
                DELETE_OLDER_MAIL_OF_USER(text, text, id);
                FIND_TOKEN(digest, text, now);
                DELETE_TOKEN(digest);
                DELETE_TOKEN_OF_MAIL(id);
                LEASE_MAIL(id, now, id);
                RECORD_NEXT_LOGIN(now, none, id);
                FIND_DUE(some, now, 1_i64);
                FIND_DEAD(now, 1_i64);
                LIST_MAIL(id, 1_i64);
                CHARGE_NEXT(
                    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, digest, zero
                );
                COUNT_NEXT(zero, zero, zero, zero, digest, zero, zero);
                FIND_BLOCK(digest, zero, zero);
                LOCK_AUDIT_HEAD(1_i64);
                MOVE_AUDIT_HEAD(zero, digest, zero, digest, 1_i64);
                LIST_AUDIT(zero, 1_i64);
            )
        };
    }
    match database.url().split(':').next().unwrap() {
        #[cfg(feature = "postgres")]
        "postgres" => assert_all!(::sqlx::Postgres),
        #[cfg(feature = "mysql")]
        "mysql" => assert_all!(::sqlx::MySql),
        #[cfg(feature = "sqlite")]
        "sqlite" => assert_all!(::sqlx::Sqlite),
        scheme => panic!("{scheme} has no plans"),
    }
}
