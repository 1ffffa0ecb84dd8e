//! Roles, what they include and what they permit.

use rocket::async_trait;

use crate::datastore::together::Together;
use crate::error::Result;
use crate::user::{PermissionName, RoleName, UserId};

/// Keeps roles, what they include and what they permit.
///
/// Wherever a user is returned, [`User::roles`](crate::User::roles) are those that were granted and every
/// role that these include, one step or many, and [`User::permissions`](crate::User::permissions) those of
/// all of them. The store returns itself from
/// [`UserDatastore::role_store`](crate::UserDatastore::role_store), so that the launch creates or checks the
/// roles that guards name.
///
/// Every method fails with [`Error::Store`](crate::Error::Store) when the store does not answer.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "roles can only be changed in a store that keeps them, which `{Self}` is not",
    label = "`{Self}` does not implement `RoleStore`",
    note = "implement `rocket_security::datastore::RoleStore` for it, and return it from \
            `UserDatastore::role_store`"
)]
pub trait RoleStore: Send + Sync + 'static {
    /// Creates a role. Returns `false` if there is one of that name. A new role belongs to no user, permits
    /// nothing, and includes nothing, whatever a role of that name did before.
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool>;

    /// Deletes a role: from the next request on no user has it, and no other role includes it or what it
    /// alone led to. Returns `false`, and does nothing, if there is no such role.
    async fn delete_role(&self, name: &RoleName, together: &Together) -> Result<bool>;

    /// Lists the roles by name, each with its permissions and with what it includes.
    async fn list_roles(&self) -> Result<Vec<RoleRecord>>;

    /// Grants a role to a user. Returns `false` if either is unknown. Granting it twice is granting it once:
    /// `together` is committed only with a role that the user did not have.
    async fn grant_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Revokes a role of a user. Returns `false`, and does nothing, if it was not granted to them. The user
    /// keeps what another of their roles includes.
    async fn revoke_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Grants a permission to a role, and so to all its users. Returns `false` if the role is unknown. Granting
    /// it twice is granting it once: `together` is committed only with a permission that the role did not have.
    async fn grant_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Revokes a permission of a role. Returns `false`, and does nothing, if the role did not have it.
    async fn revoke_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Makes a role include another: users of the first have the second from then on, what that includes, and
    /// the permissions of all of them. Including it twice is including it once: `together` is committed only
    /// with what was not included before.
    ///
    /// Of any number of callers at once, none closes a circle with another.
    async fn include_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<Result<(), NotIncluded>>;

    /// Stops a role from including another. Returns `false`, and does nothing, if it did not include it by
    /// itself. What is included another way stays.
    async fn exclude_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<bool>;
}

/// A role as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleRecord {
    /// The name, compared byte for byte.
    pub name: RoleName,
    /// What the role is for.
    pub description: String,
    /// The names of its permissions, sorted; without those of the roles that it includes.
    pub permissions: Vec<PermissionName>,
    /// The names of the roles that it was told to include, sorted; without what those include.
    pub includes: Vec<RoleName>,
}

impl RoleRecord {
    /// Returns a role that permits and includes nothing.
    pub fn new(name: RoleName, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { name, description, permissions: Vec::new(), includes: Vec::new() }
    }
}

/// Why a role does not include another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotIncluded {
    /// There is no role of one of the names.
    #[error("one of the roles does not exist")]
    Unknown,
    /// They are the same, or the other one includes the first, one step or many.
    #[error("a role includes neither itself nor one that includes it")]
    Circle,
}
