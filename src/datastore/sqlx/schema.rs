//! The tables, and the embedded migrations that create them.
//!
//! Code that must know all tables gets them from here: to delete what ends with a user's epoch, and to check
//! whether a table with one of our names belongs to another program.

#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::DefaultHasher;
#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::Hash;
#[cfg(all(feature = "postgres", feature = "testing"))]
use std::hash::Hasher;

/// Declares the tables: the name of each, and the rows in it that end when the epoch of their user rises.
macro_rules! tables {
    ($($table:literal $(ends $rows:literal)?;)+) => {
        /// The tables.
        #[cfg(test)]
        pub(super) const TABLES: &[&str] = &[$($table),+];

        /// The statements that delete, in each table, everything of a user that is older than the user's
        /// epoch.
        pub(super) const END_OLDER: &[&str] =
            &[$($(concat!("DELETE FROM ", $table, " WHERE ", $rows),)?)+];

        /// Finds a table of MySQL that has the name of one of ours and belongs to another program.
        #[cfg(feature = "mysql")]
        pub(super) const FIND_FOREIGN: &str = concat!(
            "SELECT table_name AS name FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_comment <> 'rocket_security' AND table_name IN (",
            $("'", $table, "', ",)+
            "'')"
        );
    };
}

// A transaction locks rows of several tables in this order.
tables! {
    "security_migrations";
    "security_users";
    "security_roles";
    "security_users_roles";
    "security_roles_permissions";
    "security_roles_inclusions";
    "security_roles_included";
    "security_remember" ends "user_id = ?";
    "security_sessions" ends "user_id = ?";
    "security_refresh" ends "user_id = ?";
    "security_one_time_tokens" ends "user_id = ? AND lasting = FALSE";
    "security_personal_tokens" ends "user_id = ?";
    "security_credentials";
    "security_outbox";
    "security_attempts";
    "security_track";
    "security_denylist";
    "security_audit";
    "security_audit_head";
}

/// The schema of a database.
pub(super) struct Schema {
    /// Creates the table of applied migrations, and does nothing if it exists.
    pub(super) applied: &'static str,
    /// The number, the name and the statements of each migration, in order.
    pub(super) migrations: &'static [(i64, &'static str, &'static str)],
}

/// Returns a number that differs between the PostgreSQL schemas of different versions.
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

#[cfg(test)]
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::datastore::sqlx::schema::{END_OLDER, Schema, TABLES};

    fn schemas() -> Vec<&'static Schema> {
        vec![
            #[cfg(feature = "sqlite")]
            &crate::datastore::sqlx::schema::SQLITE,
            #[cfg(feature = "postgres")]
            &crate::datastore::sqlx::schema::POSTGRES,
            #[cfg(feature = "mysql")]
            &crate::datastore::sqlx::schema::MYSQL,
        ]
    }

    /// The tables that the migrations create, each with its statement.
    fn made(schema: &Schema) -> BTreeMap<&'static str, &'static str> {
        let scripts = schema.migrations.iter().map(|(_, _, sql)| *sql).chain([schema.applied]);
        let tables = scripts.flat_map(|script| script.split("CREATE TABLE ").skip(1));
        let named = tables.map(|table| {
            let table = table.strip_prefix("IF NOT EXISTS ").unwrap_or(table);
            let table = table.split_once(';').map_or(table, |(table, _)| table);
            (table.split_whitespace().next().unwrap(), table)
        });
        named.collect()
    }

    #[test]
    fn the_migrations_of_each_database_make_these_tables() {
        for schema in schemas() {
            let made: BTreeSet<&str> = made(schema).into_keys().collect();
            assert_eq!(made, TABLES.iter().copied().collect());
        }
    }

    #[test]
    fn whatever_is_of_a_user_and_an_epoch_ends_with_it() {
        for schema in schemas() {
            for (name, table) in made(schema) {
                let has =
                    |column: &str| table.lines().any(|line| line.trim_start().starts_with(column));
                // Mail of an old epoch is dropped when it is due.
                if has("user_id ") && has("epoch ") && name != "security_outbox" {
                    let end = format!("DELETE FROM {name} WHERE user_id = ?");
                    assert!(END_OLDER.iter().any(|sql| sql.starts_with(&end)), "{name}");
                }
            }
        }
    }
}
