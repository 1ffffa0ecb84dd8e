//! What a launch does about the database schema, and about roles that are missing.

use serde::Deserialize;

/// `security.migrate`: what a launch does about the database schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MigrateConfig {
    /// Applies the missing migrations.
    #[default]
    OnLaunch,
    /// Changes nothing, and stops the launch if migrations are missing. For a database role that may not
    /// change the schema: run `rocket-security migrate` with a database role that may.
    Check,
}

/// `security.roles`: what a launch does about a role that a guard names and the store lacks.
///
/// See [`guard`](crate::guard) for which guards are checked. If the store is not a
/// [`RoleStore`](crate::datastore::RoleStore), roles are neither created nor checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RolesConfig {
    /// Creates the role before the first request is answered. No user has it until it is granted.
    Create,
    /// Stops the launch, and names the role and how to create it. This finds a misspelt name, in the program
    /// or in the store, before a user is refused because of it.
    Check,
    /// Continues the launch. The guard refuses every user until the role exists and the user has it.
    Ignore,
}
