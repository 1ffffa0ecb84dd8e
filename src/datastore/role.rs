//! Roles, what they include and what they permit.

use rocket::async_trait;

use crate::datastore::Together;
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
    /// Makes a role; false when there is one of that name. A new role belongs to no user, permits nothing,
    /// and includes nothing, whatever a role of that name did before.
    async fn create_role(&self, name: &RoleName, description: &str) -> Result<bool>;

    /// Deletes a role: no user has it from the next request on, and no other role includes it or what it
    /// alone led to. False, and nothing done, when there is no such role.
    async fn delete_role(&self, name: &RoleName, together: &Together) -> Result<bool>;

    /// Lists the roles by name, each with its permissions and with what it includes.
    async fn list_roles(&self) -> Result<Vec<RoleRecord>>;

    /// Gives a user a role; false when either is unknown. Giving it twice is giving it once: only
    /// what is given to a user who did not have it commits `together`.
    async fn grant_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Takes a role from a user; false, and nothing done, when it was not given to them. What another
    /// role of theirs includes they keep.
    async fn revoke_role(&self, id: UserId, role: &RoleName, together: &Together) -> Result<bool>;

    /// Gives a role a permission, which everybody who has the role has from then on; false when the
    /// role is unknown. Giving it twice is giving it once: only what is given to a role that did not
    /// have it commits `together`.
    async fn grant_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Takes a permission from a role; false, and nothing done, when it did not have it.
    async fn revoke_permission(
        &self,
        role: &RoleName,
        permission: &PermissionName,
        together: &Together,
    ) -> Result<bool>;

    /// Has a role include another: whoever has the first has the second from then on, what that
    /// includes, and the permissions of all of them. Saying it twice is saying it once: only what was
    /// not said before commits `together`.
    ///
    /// Of any number of callers at once, none closes a circle with another.
    async fn include_role(
        &self,
        role: &RoleName,
        included: &RoleName,
        together: &Together,
    ) -> Result<Result<(), NotIncluded>>;

    /// Has a role include another no more; false, and nothing done, when it was not told to. What is
    /// included another way stays.
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
