//! Roles, the roles that they include, and their permissions.

use rocket::async_trait;

use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{PermissionName, RoleName, UserId};

/// Stores roles, the roles that they include, and their permissions.
///
/// The command line needs this capability to create and grant roles, and a launch needs it to create or check
/// the roles that guards name. The store returns itself from
/// [`UserDatastore::role_store`](crate::UserDatastore::role_store).
///
/// Wherever the store returns a user, [`User::roles`](crate::User::roles) contains the granted roles and
/// every role that these include, directly or through others. [`User::permissions`](crate::User::permissions)
/// contains the permissions of all of them.
///
/// # Errors
///
/// Every method fails with [`Error::Store`](crate::Error::Store) if the store does not answer. A method that
/// takes [`Together`] also fails with it if the application's work in it fails; then nothing is committed.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "roles can only be changed in a store that keeps them, which `{Self}` is not",
    label = "`{Self}` does not implement `RoleStore`",
    note = "implement `rocket_security::datastore::RoleStore` for it, and return it from \
            `UserDatastore::role_store`"
)]
pub trait RoleStore: Send + Sync + 'static {
    /// Creates a role. Returns `false` if there is already one of that name. A new role belongs to no user,
    /// has no permissions and includes no role, even if an earlier role of that name did.
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool>;

    /// Deletes a role. From the next request on no user has it, and no other role includes it or the roles
    /// that were reached only through it. Returns `false`, and commits nothing, if there is no such role.
    async fn delete_role(&self, name: &RoleName, together: &Together) -> Result<bool>;

    /// Lists the roles in the order of their names, each with its permissions and the roles that it includes.
    async fn list_roles(&self) -> Result<Vec<RoleRecord>>;

    /// Grants a role to a user. Returns `false` if there is no such user or no such role.
    ///
    /// Returns `true` if the user already has the role. `together` is committed only if it was granted by
    /// this call.
    async fn grant_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Revokes a role of a user. Returns `false`, and commits nothing, if it was not granted to the user. If
    /// another of the user's roles includes it, the user still has it.
    async fn revoke_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Grants a permission to a role, and thereby to all its users. Returns `false` if there is no such role.
    ///
    /// Returns `true` if the role already has the permission. `together` is committed only if it was granted
    /// by this call.
    async fn grant_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Revokes a permission of a role. Returns `false`, and commits nothing, if the role does not have it.
    async fn revoke_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Makes a role include another. From then on, users with the first role also have the second, the roles
    /// that it includes, and the permissions of all of them.
    ///
    /// Returns `Ok(Ok(()))` if the role already includes the other. `together` is committed only if it was
    /// included by this call. Concurrent callers never create a circle together: one of them gets
    /// [`NotIncluded::Circle`].
    async fn include_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<Result<(), NotIncluded>>;

    /// Stops a role from including another. Returns `false`, and commits nothing, if it does not include it
    /// directly. A role that is also included through a third one stays included.
    async fn exclude_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<bool>;
}

/// A role as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleRecord {
    /// The name, compared byte for byte.
    pub name: RoleName,
    /// What the role is for.
    pub description: String,
    /// The names of its own permissions, sorted. Those of the roles that it includes are not among them.
    pub permissions: Vec<PermissionName>,
    /// The names of the roles that it includes directly, sorted.
    pub includes: Vec<RoleName>,
}

impl RoleRecord {
    /// Creates a role without permissions that includes no other.
    pub fn new(name: RoleName, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { name, description, permissions: Vec::new(), includes: Vec::new() }
    }
}

/// Why a role cannot include another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotIncluded {
    /// One of the roles does not exist.
    #[error("one of the roles does not exist")]
    Unknown,
    /// They are the same role, or the other one already includes the first, directly or through others.
    #[error("a role includes neither itself nor one that includes it")]
    Circle,
}
