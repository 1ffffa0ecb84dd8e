//! The migrations of each database, embedded.

#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::DefaultHasher;
#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::Hash;
#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::Hasher;

/// The schema of a database.
pub(super) struct Schema {
    /// What makes the table of what was applied, and does nothing the second time.
    pub(super) applied: &'static str,
    /// The number, the name and the statements of each migration, in order.
    pub(super) migrations: &'static [(i64, &'static str, &'static str)],
}

/// Returns what tells the PostgreSQL schema of one version from that of another.
#[cfg(all(feature = "postgres", feature = "testing"))]
pub(crate) fn fingerprint() -> u64 {
    let mut hasher = DefaultHasher::new();
    (POSTGRES.applied, POSTGRES.migrations).hash(&mut hasher);
    hasher.finish()
}

macro_rules! schema {
    ($folder:literal: $($number:literal $name:literal),+ $(,)?) => {
        Schema {
            applied: include_str!(concat!("../../../migrations/", $folder, "/0000_migrations.sql")),
            migrations: &[$((
                $number,
                $name,
                include_str!(concat!("../../../migrations/", $folder, "/", $name, ".sql")),
            )),+],
        }
    };
}

macro_rules! schemas {
    ($($number:literal $name:literal),+ $(,)?) => {
        #[cfg(feature = "sqlite")]
        pub(super) static SQLITE: Schema = schema!("sqlite": $($number $name),+);
        #[cfg(feature = "postgres")]
        pub(super) static POSTGRES: Schema = schema!("postgres": $($number $name),+);
        #[cfg(feature = "mysql")]
        pub(super) static MYSQL: Schema = schema!("mysql": $($number $name),+);
    };
}

schemas![
    1 "0001_users",
    2 "0002_sessions",
    3 "0003_one_time_tokens",
    4 "0004_outbox",
    5 "0005_attempts",
    6 "0006_track",
    7 "0007_account",
    8 "0008_usernames",
    9 "0009_audit",
    10 "0010_permissions",
    11 "0011_remember",
    12 "0012_role_hierarchy",
    13 "0013_tokens",
    14 "0014_personal_tokens",
    15 "0015_urgent_mail",
    16 "0016_credentials",
    17 "0017_proofs",
];
