//! What a launch does about the schema of the database, and about roles that are missing.

use serde::Deserialize;

/// `security.migrate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MigrateConfig {
    /// It is brought up to date.
    #[default]
    OnLaunch,
    /// It is left alone, and the launch stops unless it is up to date: for a database role that
    /// may not change the schema. `rocket-security migrate` does, with one that may.
    Check,
}

/// `security.roles`: what becomes of a role that a guard names and the store does not have. Which
/// guards are looked at stands in [`guard`](crate::guard). In a store that is no
/// [`RoleStore`](crate::datastore::RoleStore), roles are neither created nor checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RolesConfig {
    /// It is made, before the first request is answered. Nobody has it until it is granted.
    Create,
    /// The launch stops, and says which role and how to make it: a name that is misspelt in the
    /// program, or in the store, is found before anybody is refused because of it.
    Check,
    /// The launch goes on. The guard lets no user in until the role exists and a user has it.
    Ignore,
}
